// What a server has of a person, as one file; and their name taken out of it, in the file on the disk as well.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { binary, freshPouch, makeWorld, pouch, run, serve, stop, until } from './harness.mjs';

const PouchDB = pouch();
const name = 'ada-of-the-studio';
const big = randomBytes(3 << 20);
let world, server;

async function admin(method, target, body, type = 'application/json') {
  const response = await fetch(`${server.url}${target}`, { method,
    body: body && (type === 'application/json' ? JSON.stringify(body) : body),
    headers: { 'Content-Type': type, Authorization: `Basic ${Buffer.from(`admin:${server.token}`).toString('base64')}` } });
  const answer = await response.json();
  assert.ok(response.ok, `${method} ${target}: ${JSON.stringify(answer)}`);
  return answer;
}
const person = (...args) => run(world, ['person', ...args, '--profile', 'server']);
const out = (file) => path.join(world.folder, file);

before(async () => {
  world = await makeWorld();
  server = await serve(world, { args: ['--room', 'lobby', '--room', 'other'] });
  assert.equal((await run(world, ['user', 'add', name, '--profile', 'server', '--role', 'painters'], 'pw\n')).code, 0);
  await admin('PUT', '/lobby/_security', { members: { names: [name, 'eve'] }, readers: { roles: ['painters'] } });
  await admin('PUT', '/lobby/access:mode', { mode: 'named', names: [name] });
  const { rev } = await admin('PUT', '/lobby/chat:1', { sender: name, text: 'first' });
  const second = await admin('PUT', `/lobby/chat:1?rev=${rev}`, { sender: name, text: 'second' });
  await admin('PUT', `/lobby/chat:1/picture.bin?rev=${second.rev}`, big, 'application/octet-stream');
  await admin('PUT', '/lobby/chat:2', { sender: 'eve', text: `about ${name}, in words` });
  await admin('POST', '/lobby/_bulk_docs', { new_edits: false, docs: ['a', 'b'].map((x) =>
    ({ _id: 'conflict', _rev: `2-${x.repeat(32)}`, _revisions: { start: 2, ids: [x.repeat(32), 'c'.repeat(32)] }, by: [name], x })) });
  await admin('POST', '/lobby/_bulk_docs', { docs: [{ _id: 'gone', by: name }] });
  const gone = await admin('GET', '/lobby/gone');
  await admin('POST', '/lobby/_bulk_docs', { docs: [{ ...gone, _deleted: true }] });
});
after(() => world.end());

test('an export holds all that carries the name, and says what it does not hold', async () => {
  const done = await person('export', name, '--out', out('ada.json'));
  assert.equal(done.code, 0, done.err);
  assert.equal(statSync(out('ada.json')).mode & 0o777, 0o600);
  const text = readFileSync(out('ada.json'), 'utf8');
  const all = JSON.parse(text);
  assert.equal(all.person, name);
  assert.match(all.exported, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
  assert.equal(all.server, server.url);
  assert.equal(all.account.name, name);
  assert.deepEqual(all.account.roles, ['painters']);
  for (const secret of ['derived_key', 'salt', '$argon2id']) assert.ok(!JSON.stringify(all.account).includes(secret), secret);
  assert.deepEqual(all.rooms.map((room) => room.room), ['lobby']);
  const [lobby] = all.rooms;
  assert.deepEqual(lobby.roles, ['members', 'readers by the role painters', 'named in access:mode']);
  assert.deepEqual(lobby.documents.map((doc) => doc._id), ['access:mode', 'chat:1', 'conflict', 'conflict', 'gone']);
  assert.deepEqual(lobby.documents.filter((doc) => doc._id === 'conflict').map((doc) => doc.x).sort(), ['a', 'b']);
  assert.equal(lobby.documents.at(-1)._deleted, true);
  const { data, digest, length } = lobby.documents[1]._attachments['picture.bin'];
  const bytes = Buffer.from(data, 'base64');
  assert.ok(bytes.equals(big) && length === big.length);
  assert.equal(digest, `md5-${createHash('md5').update(bytes).digest('base64')}`);
  assert.deepEqual(all.mentioned_in, [{ room: 'lobby', _id: 'chat:2' }]);
  assert.ok(all.not_included.some((words) => /backups/.test(words)));
});

test('a large attachment goes through as it is read', async () => {
  const huge = Buffer.alloc(96 << 20, 'many bytes ');
  const { rev } = await admin('PUT', '/other/film', { by: name });
  const attached = await admin('PUT', `/other/film/film.bin?rev=${rev}`, huge, 'application/octet-stream');
  const child = spawn(binary, ['person', 'export', name, '--out', '-', '--profile', 'server'], { env: world.env });
  let bytes = 0, resident = 0;
  for await (const chunk of child.stdout) {
    bytes += chunk.length;
    if (bytes > 100 << 20 && resident === 0)
      resident = Number(/VmHWM:\s+(\d+) kB/.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))[1]);
  }
  assert.ok(bytes > huge.length * 4 / 3, `${bytes} bytes`);
  assert.ok(resident > 0 && resident < 64 << 10, `${resident} kB at the most`);
  await admin('DELETE', `/other/film?rev=${attached.rev}`);
});

test('nothing is overwritten, nobody is made up, and what cannot be asked is said', async () => {
  assert.equal((await person('export', name, '--out', out('ada.json'))).code, 1);
  const nobody = await person('export', 'nobody-at-all', '--out', out('nobody.json'));
  assert.equal(nobody.code, 1);
  assert.match(nobody.err, /nothing on this server carries the name/);
  assert.ok(!existsSync(out('nobody.json')));
  assert.deepEqual(readdirSync(world.folder).filter((file) => file.includes('.part')), []);
  assert.equal((await person('export', name)).code, 2);
  assert.equal((await person('paint', name)).code, 2);
  const unasked = await person('remove', name);
  assert.equal(unasked.code, 1);
  assert.match(unasked.err, /--yes/);
  assert.equal((await person('remove', name, '--yes', '--as', name)).code, 1);
  assert.equal((await admin('GET', '/lobby/chat:1')).sender, name);
  const piped = await person('export', name, '--out', '-');
  assert.equal(JSON.parse(piped.out).rooms[0].documents.length, 5);
});

test('a removal reaches every leaf, the people and the account, and a client that syncs', async () => {
  const client = freshPouch(PouchDB);
  const remote = new PouchDB(`${server.url}/lobby`, { adapter: 'http', auth: { username: 'admin', password: server.token } });
  await client.replicate.from(remote);
  const basic = `Basic ${Buffer.from(`${name}:pw`).toString('base64')}`;
  const feed = await fetch(`${server.url}/lobby/_changes?feed=continuous&since=now&heartbeat=20000`,
    { headers: { Authorization: basic } });
  const ended = feed.text();

  const done = await person('remove', name, '--yes', '--json');
  assert.equal(done.code, 0, done.err);
  const said = JSON.parse(done.out);
  assert.equal(said.account, true);
  assert.deepEqual(said.rooms, [{ room: 'lobby', people: true, documents: 4, revisions: 5, old: 0 },
    { room: 'other', people: false, documents: 0, revisions: 0, old: 1 }]);
  assert.deepEqual(said.mentioned_in, [{ room: 'lobby', id: 'chat:2' }]);
  assert.deepEqual(said.left, []);
  assert.ok(said.not_reached.some((words) => /devices and servers/.test(words)));
  await ended;
  assert.equal((await fetch(`${server.url}/lobby`, { headers: { Authorization: basic } })).status, 401);

  assert.deepEqual((await admin('GET', '/lobby/_security')).members.names, ['eve']);
  assert.deepEqual((await admin('GET', '/lobby/access:mode')).names, []);
  const chat = await admin('GET', '/lobby/chat:1');
  assert.equal(chat.sender, '(removed)');
  assert.equal(chat._attachments['picture.bin'].length, big.length);
  assert.equal((await admin('GET', '/lobby/chat:2')).text, `about ${name}, in words`);

  await client.replicate.from(remote);
  const conflict = await client.get('conflict', { conflicts: true });
  assert.deepEqual(conflict.by, ['(removed)']);
  assert.deepEqual((await client.get('conflict', { rev: conflict._conflicts[0] })).by, ['(removed)']);
});

test('a second run changes nothing and says so', async () => {
  const before = (await admin('GET', '/lobby')).update_seq;
  const again = await person('remove', name, '--yes');
  assert.equal(again.code, 0, again.err);
  assert.match(again.out, /Nothing on this server carries the name/);
  assert.equal((await admin('GET', '/lobby')).update_seq, before);
});

test('after the server has closed the room, no byte of its files has the name', async () => {
  const chat = await admin('GET', '/lobby/chat:2');  // which only mentions it: its author changes it
  await admin('PUT', `/lobby/chat:2?rev=${chat._rev}`, { sender: 'eve', text: 'about somebody' });
  await stop(server.child);
  assert.equal((await run(world, ['compact', 'lobby', '--profile', 'server'])).code, 0);
  const files = readdirSync(world.folder, { recursive: true }).filter((file) => file.endsWith('data.mdb'));
  assert.ok(files.length >= 3, files.join());
  for (const file of files) assert.ok(!readFileSync(out(file)).includes(name), file);
  assert.deepEqual(readdirSync(world.folder, { recursive: true }).filter((file) => file.endsWith('erase.txt')), []);
});

test('without a server the commands open the profile themselves', async () => {
  const put = await run(world, ['put', 'other', '--profile', 'server'], JSON.stringify({ _id: 'x', by: name }));
  assert.equal(put.code, 0, put.err);
  assert.equal(JSON.parse((await person('export', name, '--out', '-')).out).rooms[0].documents[0]._id, 'x');
  const done = await person('remove', name, '--yes', '--as', 'somebody');
  assert.equal(done.code, 0, done.err);
  assert.match(done.out, /other: 1 document changed/);
  const file = readdirSync(world.folder, { recursive: true }).find((one) => one.endsWith(path.join('other', 'data.mdb')));
  assert.ok(!readFileSync(out(file)).includes(name), 'written anew as it was closed');
});

test('at an edge the change goes upstream, and what is refused there is in the outbox and said', async () => {
  const upstream = await serve(world, { profile: 'upstream', args: ['--room', 'shared'] });
  assert.equal((await run(world, ['user', 'add', 'carrier', '--profile', 'upstream', '--role', 'edge'], 'pw\n')).code, 0);
  const at = async (place, method, target, body) => (await fetch(`${place.url}${target}`, { method, body: body && JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(`admin:${place.token}`).toString('base64')}` } })).json();
  await at(upstream, 'PUT', '/shared/_security', { members: { names: ['carrier'] } });
  await at(upstream, 'PUT', '/shared/free:1', { by: name });
  await at(upstream, 'PUT', '/shared/log:1', { by: name });
  writeFileSync(out('who.json'), JSON.stringify({ user: 'carrier', password: 'pw' }), { mode: 0o600 });
  const edge = await serve(world, { profile: 'edge', args: ['--room', 'shared', '--prefix', 'free', '--prefix', 'log',
    '--upstream', `${upstream.url}/`, '--credentials', out('who.json')] });
  await until(async () => (await at(edge, 'GET', '/shared/log:1')).by === name, 'the edge to have the documents');
  await at(upstream, 'PUT', '/shared/access:rules', { version: 1, prefixes: { log: { append_only: true } } });
  const done = await run(world, ['person', 'remove', name, '--yes', '--json', '--profile', 'edge']);
  assert.equal(done.code, 0, done.err);
  assert.ok(JSON.parse(done.out).not_reached.some((words) => words.includes('the change of \'shared\' goes to') && words.includes('atelier outbox')));
  await until(async () => (await at(upstream, 'GET', '/shared/free:1')).by === '(removed)', 'upstream to take what it may');
  const outbox = await until(async () => {
    const said = (await run(world, ['outbox', 'shared', '--profile', 'edge', '--json'])).out;
    return said.includes('log:1') && said;
  }, 'the outbox to hold what is refused');
  assert.match(outbox, /append_only/);
  assert.equal((await at(upstream, 'GET', '/shared/log:1')).by, name);
  assert.equal((await at(edge, 'GET', '/shared/log:1')).by, '(removed)');
});
