// A room that its owner ends, through the public programs: what its server keeps and tells, what the devices of its
// members do with their copies, and that nothing which was removed comes back.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { freshPouch, makeWorld, openWindow, pouch, run, serve, start, stop, until } from './harness.mjs';

const PouchDB = pouch();
const artefacts = process.env.ATELIER_ARTEFACTS;
mkdirSync(artefacts, { recursive: true });
const words = 'what-was-said-in-the-room';
let world, server;

async function request(at, who, method, target, body) {
  const response = await fetch(`${at.url}${target}`, { method, body: body && JSON.stringify(body),
    headers: { 'Content-Type': 'application/json', Authorization: `Basic ${Buffer.from(who).toString('base64')}` } });
  return { status: response.status, json: await response.json() };
}
const admin = (method, target, body, at = server) => request(at, `admin:${at.token}`, method, target, body);
const address = (name, at = server) => at.url.replace('://', `://${name}:pw@`) + '/lobby';
const end = (...args) => run(world, ['end', 'lobby', '--profile', 'server', ...args]);
const folder = (profile) => path.join(world.folder, 'data', 'atelier', profile, 'rooms', 'lobby');
const holds = (profile) => readFileSync(path.join(folder(profile), 'data.mdb')).includes(words);

async function makeServer(profile = 'server', args = []) {
  const made = await serve(world, { profile, args: ['--room', 'lobby', ...args] });
  for (const name of ['ada', 'bob', 'cleo']) {
    assert.equal((await run(world, ['user', 'add', name, '--profile', profile], 'pw\n')).code, 0);
  }
  assert.equal((await admin('PUT', '/lobby/_security', { members: { names: ['ada', 'bob', 'cleo'] } }, made)).status, 200);
  return made;
}

beforeEach(async () => {
  world = await makeWorld();
  server = await makeServer();
  await admin('PUT', '/lobby/message:0', { at: 1700000000000, sender: 'Olga', text: words });
});
afterEach(() => world.end());

test('a device stops, asks one question, and keeps or removes its copy as it is told', async () => {
  const open = (name) => openWindow(world, ['chat', '--profile', name, '--nick', name, '--sync', address(name)]);
  const ada = open('ada'), bob = open('bob');
  for (const window of [ada, bob]) await window.does(`wait "${words}" within 20s`, 'wait "Live"');
  const ended = await end('--by', 'Olga Constantinopolskaya', '--message', 'Thanks, all of you.', '--yes', '--json');
  assert.equal(ended.code, 0, ended.err);
  const said = JSON.parse(ended.out);
  assert.equal(said.ended.by, 'Olga Constantinopolskaya');
  assert.ok(said.removed >= 1 && said.before === false);

  for (const window of [ada, bob]) {
    await window.does('wait "Olga Constantinopolskaya ended this room on" within 20s',
      'wait "Your copy is still on this computer"', 'wait gone "Live"');
  }
  await ada.does(`screenshot "${path.join(artefacts, 'room-ended.png')}"`, 'size 360 420',
    `screenshot "${path.join(artefacts, 'room-ended-small.png')}"`, 'size 1100 760');
  assert.ok(existsSync(folder('ada')) && existsSync(folder('bob')), 'nothing goes without an answer');
  await ada.does('click "Keep a copy for me"', `wait "${words}"`, 'wait "Only on this computer"');
  await bob.does('click "Remove it from this computer"', 'wait "was deleted from this computer"');
  await stop(ada);
  await stop(bob);
  assert.ok(!existsSync(folder('bob')));
  const again = openWindow(world, ['chat', '--profile', 'ada', '--room', 'lobby']);
  await again.does(`wait "${words}" within 20s`, 'wait gone "This room was ended"', 'wait "Only on this computer"');
  await stop(again);
  // Its server holds nothing any more, and no page of its file does.
  assert.deepEqual((await admin('GET', '/lobby/_all_docs')).json.rows.map((row) => row.id), ['access:ended']);
  await stop(server.child);
  assert.ok(!holds('server'));
  assert.ok(holds('ada'));
});

test('a command line says so, ends with a code of its own and removes nothing', async () => {
  const live = start(world, ['sync', 'lobby', address('ada'), '--profile', 'ada', '--live']);
  await until(() => existsSync(path.join(folder('ada'), 'data.mdb')) && live.notes.some((line) => /live/.test(line)),
    `ada to be live: ${live.notes}`);
  assert.equal((await run(world, ['sync', 'lobby', address('bob'), '--profile', 'bob'])).code, 0);
  assert.equal((await end('--by', 'Olga', '--yes')).code, 0);
  assert.equal((await live.ended).code, 5, live.notes.join('\n'));
  assert.match(live.notes.join('\n'), /Olga ended this room on \d+ \w+ \d{4} \(UTC\)\.\nNothing is sent any more\. Your copy is still on this computer\./);
  // What was written while it was away is not sent.
  const put = await run(world, ['put', 'lobby', '--profile', 'bob'], JSON.stringify({ _id: 'late' }));
  assert.equal(put.code, 0, put.err);
  for (let i = 0; i < 2; ++i) {
    const once = await run(world, ['sync', 'lobby', address('bob'), '--profile', 'bob']);
    assert.equal(once.code, 5, once.err);
    assert.match(once.err, /Olga ended this room/);
  }
  assert.equal((await admin('GET', '/lobby/late')).status, 404);
  assert.equal(JSON.parse((await run(world, ['get', 'lobby', 'message:0', '--profile', 'bob'])).out).text, words);
});

test('members and newcomers get the end and nothing else; administrators may take it back', async () => {
  const remote = (name) => new PouchDB(address(name), { adapter: 'http' });
  const member = freshPouch(PouchDB);
  await member.replicate.from(remote('ada'));
  assert.equal((await end('--by', 'Olga', '--keep', '--yes')).code, 0);
  await member.replicate.from(remote('ada'));
  assert.equal((await member.get('access:ended')).by, 'Olga');
  assert.equal((await member.get('message:0')).text, words, 'a client keeps what it has');
  await member.put({ _id: 'mine' });
  const denied = [];
  await new Promise((resolve, reject) => member.replicate.to(remote('ada')).on('denied', (error) => denied.push(error))
    .on('complete', resolve).on('error', reject));
  assert.equal(denied.length, 2, 'what is new, and what the server does not tell that it has');
  for (const error of denied) assert.match(String(error.reason ?? error.message ?? error.doc?.reason), /ended by its owner/);
  const newcomer = freshPouch(PouchDB);
  await newcomer.replicate.from(remote('bob'));
  assert.deepEqual((await newcomer.allDocs()).rows.map((row) => row.id), ['access:ended']);
  assert.equal((await request(server, 'ada:pw', 'GET', '/lobby/message:0')).status, 404);

  const { json } = await admin('GET', '/lobby/access:ended');
  assert.equal((await admin('DELETE', `/lobby/access:ended?rev=${json._rev}`)).status, 200);
  await newcomer.replicate.from(remote('bob'));
  assert.equal((await newcomer.get('message:0')).text, words, 'it was kept');
  // A copy that stopped goes on by hand.
  const once = await run(world, ['sync', 'lobby', address('cleo'), '--profile', 'cleo']);
  assert.equal(once.code, 0, once.err);
});

test('what cannot be ended is refused', async () => {
  assert.equal((await run(world, ['end', 'nowhere', '--yes', '--profile', 'server'])).code, 1);
  const unasked = await end();
  assert.equal(unasked.code, 1);
  assert.match(unasked.err, /--yes/);
  assert.equal((await end('--yes', '--by', 'x'.repeat(300))).code, 1);
  const document = { at: Date.now(), by: 'ada' };
  assert.equal((await request(server, 'ada:pw', 'PUT', '/lobby/access:ended', document)).status, 403);
  assert.equal((await admin('PUT', '/lobby/access:ended', { at: 'soon' })).status, 400);
  // A member's own copy is no place to end the room.
  const window = openWindow(world, ['chat', '--profile', 'ada', '--nick', 'ada', '--sync', address('ada')]);
  await window.does(`wait "${words}" within 20s`);
  await stop(window);
  const copy = await run(world, ['end', 'lobby', '--yes', '--profile', 'ada']);
  assert.equal(copy.code, 1);
  assert.match(copy.err, /this room is a copy of/);
  assert.equal((await admin('GET', '/lobby/message:0')).status, 200);
});

test('an own room that syncs with nobody asks nothing', async () => {
  const put = await run(world, ['put', 'alone', '--profile', 'ada'],
    ['{"_id":"access:ended","at":1700000000000,"by":"Mallory"}', `{"_id":"message:1","at":1,"sender":"ada","text":"${words}"}`].join('\n'));
  assert.equal(put.code, 0, put.err);
  const window = openWindow(world, ['chat', '--profile', 'ada', '--nick', 'ada', '--room', 'alone']);
  await window.does(`wait "${words}" within 20s`, 'wait gone "This room was ended"');
});

test('the end goes through edges both ways, and nothing that was removed is pulled again', async () => {
  assert.equal((await run(world, ['user', 'add', 'carrier', '--profile', 'server', '--role', 'edge'], 'pw\n')).code, 0);
  await admin('PUT', '/lobby/_security', { members: { names: ['ada', 'bob', 'carrier'] } });
  const upstream = (file, user, password) => {
    writeFileSync(path.join(world.folder, file), JSON.stringify({ user, password }), { mode: 0o600 });
    return ['--upstream', `${server.url}/`, '--credentials', path.join(world.folder, file)];
  };
  // One may read everything there, as where the upstream is a CouchDB that knows of no end.
  const asAdministrator = upstream('one.json', 'admin', server.token);
  let one = await makeServer('one', asAdministrator);
  const two = await makeServer('two', upstream('two.json', 'carrier', 'pw'));
  for (const edge of [one, two])
    await until(async () => (await admin('GET', '/lobby/message:0', undefined, edge)).status === 200, 'the edges to be filled');
  const ended = await run(world, ['end', 'lobby', '--profile', 'one', '--by', 'Olga', '--yes']);
  assert.equal(ended.code, 0, ended.err);
  for (const other of [server, two]) {
    await until(async () => (await admin('GET', '/lobby/access:ended', undefined, other)).status === 200, 'the end to come along');
    await until(async () => (await request(other, 'ada:pw', 'GET', '/lobby/message:0')).status === 404, 'the others to be closed');
  }
  assert.equal((await admin('GET', '/lobby/message:0')).status, 200, 'what others hold is theirs to remove');
  await admin('PUT', '/lobby/message:9', { text: 'an administrator may' });
  // Also after a restart.
  await stop(one.child);
  assert.ok(!holds('one'));
  one = await serve(world, { profile: 'one', args: ['--room', 'lobby', ...asAdministrator] });
  await until(async () => (await admin('GET', '/lobby/_edge', undefined, one)).json.status?.state === 'live', 'edge one to be live again');
  assert.deepEqual((await admin('GET', '/lobby/_all_docs', undefined, one)).json.rows.map((row) => row.id), ['access:ended']);
  // The same end, told again where the documents are, removes them there.
  const there = await end('--yes', '--json');
  assert.equal(there.code, 0, there.err);
  assert.deepEqual([JSON.parse(there.out).before, JSON.parse(there.out).ended.by], [true, 'Olga']);
  assert.equal((await admin('GET', '/lobby/message:0')).status, 404);
  // Taken back upstream, it is open everywhere.
  const { json } = await admin('GET', '/lobby/access:ended');
  await admin('DELETE', `/lobby/access:ended?rev=${json._rev}`);
  await until(async () => (await request(two, 'ada:pw', 'PUT', `/lobby/new:${Date.now()}`, {})).status === 201, 'edge two to be open again');
});
