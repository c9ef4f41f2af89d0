// An edge in front of an upstream, from the outside: two edges in a chain with PouchDB at the end; an upstream
// that is killed while visitors write; what one side's rules refuse of the other; and the secret of the upstream,
// which must be in no answer, no line of output and no argument of any process.
import assert from 'node:assert/strict';
import { chmodSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { freshPouch, makeWorld, pouch, run, start, stop, until } from './harness.mjs';

const PouchDB = pouch();
const secrets = { edge1: 'correct-horse-upstream', edge2: 'battery-staple-of-edge1' };
const everything = []; // all that any server answered, and all that any process said
const live = []; // syncs of PouchDB: they retry for ever, so that a failed test would never end
let world, upstream, edge1, edge2;

/** `atelier serve` of a profile, on the port that it had before. */
async function serveAt(profile, args, port = 0) {
  const child = start(world, ['serve', '--profile', profile, '--port', String(port), '--json', '--room', 'lobby', ...args]);
  const line = await until(() => child.lines[0] ?? (child.exitCode !== null && ' '), `${profile} to say where`);
  assert.ok(line.startsWith('{'), `${profile} ended: ${child.notes.join('\n')}`);
  const { url, admin_token_file } = JSON.parse(line);
  everything.push(child.lines, child.notes);
  return { child, profile, args, url, port: new URL(url).port, token: readFileSync(admin_token_file, 'utf8').trim() };
}
const again = (server) => serveAt(server.profile, server.args, server.port);

/** An answer with its body read; `who` is "name:password", nobody without. */
async function ask(server, who, method, target, body) {
  const headers = { 'Content-Type': 'application/json' };
  if (who) headers.Authorization = `Basic ${Buffer.from(who).toString('base64')}`;
  const response = await fetch(`${server.url}${target}`, { method, headers, body: body && JSON.stringify(body) });
  const text = await response.text();
  everything.push([`${method} ${target}`, JSON.stringify([...response.headers]), text]);
  let json;
  try { json = JSON.parse(text); } catch { json = undefined; }
  return { status: response.status, text, json };
}
const asAdmin = (server, ...what) => ask(server, `admin:${server.token}`, ...what);
async function set(server, id, document) {
  const old = await asAdmin(server, 'GET', `/lobby/${id}`);
  const put = await asAdmin(server, 'PUT', `/lobby/${id}`, { ...document, _rev: old.json._rev });
  assert.equal(put.status, 201, put.text);
  return put.json.rev;
}
async function addUser(server, name, password, ...more) {
  const made = await run(world, ['user', 'add', name, '--profile', server.profile, ...more], `${password}\n`);
  assert.equal(made.code, 0, made.err);
}
function credentials(name, content) {
  const file = path.join(world.folder, name);
  writeFileSync(file, typeof content === 'string' ? content : JSON.stringify(content));
  chmodSync(file, 0o600);
  return file;
}
const roomEdge = async (server) => (await asAdmin(server, 'GET', '/lobby/_edge?include_docs=true')).json;
const has = (server, id) => async () => (await asAdmin(server, 'GET', `/lobby/${id}`)).status === 200;
const remote = (server, who) => new PouchDB(`${server.url}/lobby`, { adapter: 'http', ...(who && { auth: { username: who, password: 'pw' } }) });

before(async () => {
  world = await makeWorld();
  upstream = await serveAt('upstream', []);
  await addUser(upstream, 'edge1', secrets.edge1, '--role', 'edge');
  await asAdmin(upstream, 'PUT', '/lobby/_security', { members: { names: ['edge1'] } });
  writeFileSync(path.join(world.folder, 'rules.toml'), `
[prefixes.message.fields.text]
length_max = 20
[prefixes.note]
create = ["user"]
change = ["author"]
author = "by"
`);
  const carried = ['--prefix', 'message', '--prefix', 'note'];
  edge1 = await serveAt('edge1', ['--rules', path.join(world.folder, 'rules.toml'), '--upstream', `${upstream.url}/`,
    '--credentials', credentials('one.json', { user: 'edge1', password: secrets.edge1 }), ...carried]);
  await addUser(edge1, 'edge2', secrets.edge2, '--role', 'edge');
  for (const name of ['ada', 'bob']) await addUser(edge1, name, 'pw');
  await asAdmin(edge1, 'PUT', '/lobby/_security', { members: { names: ['edge2', 'ada', 'bob'] } });
  edge2 = await serveAt('edge2', ['--upstream', edge1.url,
    '--credentials', credentials('two.json', { user: 'edge2', password: secrets.edge2, auth: 'cookie' }), ...carried]);
  for (const edge of [edge1, edge2]) await until(async () => (await roomEdge(edge)).status?.state === 'live', `${edge.profile} to be live`);
});
after(() => {
  for (const sync of live) sync.cancel();
  return world.end();
});
function syncLive(db) {
  const sync = db.sync(remote(edge2), { live: true, retry: true });
  live.push(sync);
  return sync;
}

test('what is written at one end of a chain arrives at the other, and nothing that is not carried', async () => {
  const visitor = freshPouch(PouchDB);
  const sync = syncLive(visitor);
  await set(upstream, 'message:from-upstream', { text: 'hello' });
  await until(() => visitor.get('message:from-upstream').catch(() => null), 'upstream\'s message at the visitor');
  const { rev } = await visitor.put({ _id: 'message:from-visitor', text: 'hello back',
    _attachments: { 'a.bin': { content_type: 'application/octet-stream', data: Buffer.from([0, 1, 2, 255]).toString('base64') } } });
  await until(has(upstream, 'message:from-visitor'), 'the visitor\'s message upstream');
  const there = await fetch(`${upstream.url}/lobby/message:from-visitor/a.bin`,
    { headers: { Authorization: `Basic ${Buffer.from(`admin:${upstream.token}`).toString('base64')}` } });
  assert.deepEqual([...new Uint8Array(await there.arrayBuffer())], [0, 1, 2, 255]);
  await visitor.remove('message:from-visitor', rev);
  await until(async () => !(await has(upstream, 'message:from-visitor')()), 'its deletion upstream');
  await set(upstream, 'other:1', {});
  await set(edge2, 'other:2', {});
  await set(upstream, 'message:last', {});
  await until(has(edge2, 'message:last'), 'what came last');
  assert.equal(await has(edge1, 'other:1')(), false);
  assert.equal(await has(edge1, 'other:2')(), false);
  sync.cancel();
});

test('while upstream is away visitors go on, and what they wrote arrives when it is back', async () => {
  await stop(upstream.child, 'SIGKILL');
  await until(async () => (await roomEdge(edge1)).status.state === 'offline', 'the edge to notice');
  const [writer, reader] = [freshPouch(PouchDB), freshPouch(PouchDB)];
  const syncs = [writer, reader].map(syncLive);
  for (let i = 0; i < 20; ++i) await writer.put({ _id: `message:offline-${i}`, text: String(i) });
  await until(() => reader.get('message:offline-19').catch(() => null), 'another visitor to see it');
  await until(has(edge1, 'message:offline-19'), 'the first edge to have it');
  // Who syncs with it is told as well.
  await until(async () => (await roomEdge(edge2)).status.upstream === 'offline', 'the second edge to be told');
  assert.equal((await roomEdge(edge2)).status.state, 'live');
  // Who may read the room is told the state, and nothing of addresses and errors.
  assert.deepEqual((await ask(edge1, 'ada:pw', 'GET', '/lobby/_edge')).json, { state: 'offline', refused: [] });
  assert.deepEqual((await ask(edge1, 'ada:pw', 'GET', '/_edge')).json, { state: 'offline' });
  assert.equal((await ask(edge1, '', 'GET', '/_edge')).status, 401);
  assert.equal((await ask(edge1, '', 'GET', '/lobby/_edge')).status, 401);
  assert.equal((await ask(edge1, 'ada:pw', 'POST', '/lobby/_edge', {})).status, 403);
  // The number that waits is counted anew some times a second.
  const all = await until(async () => {
    const edge = (await asAdmin(edge1, 'GET', '/_edge')).json;
    return edge.rooms.lobby.status.waiting >= 20 && edge;
  }, 'all to be counted as waiting');
  assert.equal(all.upstream, upstream.url);
  assert.deepEqual(all.prefixes, ['message', 'note']);
  assert.ok(all.rooms.lobby.status.last_success_ms > 0, JSON.stringify(all));
  assert.ok(all.rooms.lobby.status.last_error.length > 0);
  // Killed as well, and started while upstream is away: nothing is forgotten.
  await stop(edge1.child, 'SIGKILL');
  edge1 = await again(edge1);
  upstream = await again(upstream);
  await until(has(upstream, 'message:offline-19'), 'it to be upstream');
  for (let i = 0; i < 20; ++i) assert.equal(await has(upstream, `message:offline-${i}`)(), true);
  await until(async () => (await roomEdge(edge1)).status.state === 'live', 'the edge to be live again');
  assert.ok(edge1.child.lines.some((line) => JSON.parse(line).state === 'live'), edge1.child.lines.join('\n'));
  for (const sync of syncs) sync.cancel();
});

test('what fails the rules here is kept, told to the administrator, shown to nobody, and left alone upstream', async () => {
  const long = 'this is longer than twenty characters';
  const first = await set(upstream, 'message:long', { text: long });
  const file = await fetch(`${upstream.url}/lobby/message:filed/file?rev=${await set(upstream, 'message:filed', { text: long })}`, {
    method: 'PUT', body: 'bytes', headers: { 'Content-Type': 'text/plain',
      Authorization: `Basic ${Buffer.from(`admin:${upstream.token}`).toString('base64')}` } });
  assert.equal(file.status, 201);
  await set(upstream, 'message:next', { text: 'short' });
  await until(has(edge2, 'message:next'), 'what follows it');
  const kept = await until(async () => {
    const now = await roomEdge(edge1);
    return now.quarantined === 2 && now;
  }, 'both to be refused');
  const [filed, plain] = kept.quarantine;
  assert.deepEqual([filed.id, plain.id, plain.rev, plain.error], ['message:filed', 'message:long', first, 'forbidden']);
  assert.match(plain.reason, /^rule message\.fields\.text\.length_max: /);
  assert.ok(!plain.reason.includes('longer than twenty characters'), plain.reason);
  assert.deepEqual(plain.doc, { _id: 'message:long', _rev: first, text: long });

  const routes = [['GET', '/lobby/message:long'], ['GET', `/lobby/message:long?rev=${first}`], ['GET', '/lobby/message:filed/file'],
    ['GET', `/lobby/message:long?open_revs=["${first}"]`], ['GET', '/lobby/message:long?open_revs=all'],
    ['GET', '/lobby/_all_docs?include_docs=true'], ['GET', '/lobby/_changes?include_docs=true&style=all_docs'],
    ['POST', '/lobby/_bulk_get', { docs: [{ id: 'message:long' }, { id: 'message:long', rev: first }] }],
    ['POST', '/lobby/_find', { selector: { _id: { $gt: null } } }], ['POST', '/lobby/_all_docs?include_docs=true', { keys: ['message:long'] }],
    ['GET', '/lobby/_local_docs?include_docs=true'], ['GET', '/lobby/_edge?include_docs=true'], ['GET', '/_edge'], ['GET', '/lobby']];
  const locals = (await asAdmin(edge1, 'GET', '/lobby/_local_docs')).json.rows.map((row) => row.id);
  const own = locals.filter((id) => id.startsWith('_local/atelier-quarantine-'));
  assert.equal(own.length, 2, locals.join());
  for (const id of own) routes.push(['GET', `/lobby/${id}`], ['PUT', `/lobby/${id}`, { x: 1 }], ['DELETE', `/lobby/${id}`],
    ['POST', '/lobby/_local_docs?include_docs=true', { keys: [id] }]);
  for (const who of ['ada:pw', `edge2:${secrets.edge2}`]) {
    for (const [method, target, body] of routes) {
      const { text } = await ask(edge1, who, method, target, body);
      assert.ok(!text.includes('twenty') && !text.includes('"text":"this'), `${who} ${method} ${target}: ${text}`);
    }
    assert.equal((await ask(edge1, who, 'GET', '/lobby/message:long')).status, 404);
    assert.deepEqual((await ask(edge1, who, 'POST', '/lobby/_revs_diff', { 'message:long': [first] })).json,
      { 'message:long': { missing: [first] } });
  }
  assert.equal(await has(edge2, 'message:long')(), false);
  assert.equal((await asAdmin(upstream, 'GET', '/lobby/message:long')).json._rev, first);
  assert.equal((await roomEdge(edge1)).quarantined, 2); // still there after what visitors tried

  // It is not forgotten with the process, nor fetched for ever.
  await stop(edge1.child, 'SIGKILL');
  edge1 = await again(edge1);
  await until(async () => (await roomEdge(edge1)).status?.state === 'live', 'the edge to be live');
  assert.equal((await roomEdge(edge1)).quarantined, 2);
  // Mended upstream it comes through, and is kept no longer.
  await set(upstream, 'message:long', { text: 'shorter' });
  await until(has(edge2, 'message:long'), 'the mended one');
  assert.deepEqual((await roomEdge(edge1)).quarantine.map((one) => one.id), ['message:filed']);
  // Other rules, and the one with an attachment comes as well: the edge looks again by itself at its start.
  await stop(edge1.child);
  writeFileSync(path.join(world.folder, 'rules.toml'), '[prefixes.note]\ncreate = ["user"]\nchange = ["author"]\nauthor = "by"\n');
  edge1 = await again(edge1);
  await until(has(edge2, 'message:filed'), 'what the rules allow now');
  assert.equal((await ask(edge1, 'ada:pw', 'GET', '/lobby/message:filed/file')).text, 'bytes');
  assert.equal((await roomEdge(edge1)).quarantined, 0);
});

test('rules of the room that change let in what they allow now', async () => {
  await set(edge1, 'access:rules', { version: 1, prefixes: { message: { fields: { kind: { enum: ['good'] } } } } });
  await set(upstream, 'message:bad', { kind: 'bad' });
  await set(upstream, 'message:good', { kind: 'good' });
  await until(has(edge1, 'message:good'), 'what passes');
  await until(async () => (await roomEdge(edge1)).quarantined === 1, 'what does not');
  assert.equal((await asAdmin(edge1, 'POST', '/lobby/_edge', {})).status, 202); // nothing changed: it stays
  await set(upstream, 'message:good', { kind: 'good', n: 2 });
  await until(async () => (await asAdmin(edge1, 'GET', '/lobby/message:good')).json.n === 2, 'another change');
  assert.equal(await has(edge1, 'message:bad')(), false);
  await set(edge1, 'access:rules', { version: 1, prefixes: {} });
  await until(has(edge1, 'message:bad'), 'what passes now');
  assert.equal((await roomEdge(edge1)).quarantined, 0);
});

test('what upstream refuses waits in the outbox, and its author is told', async () => {
  await set(upstream, 'access:rules', { version: 1, prefixes: { note: { fields: { kind: { enum: ['fit'] } } } } });
  const put = await ask(edge1, 'ada:pw', 'PUT', '/lobby/note:1', { kind: 'unfit' });
  assert.equal(put.status, 201, put.text);
  await ask(edge1, 'ada:pw', 'PUT', '/lobby/note:2', { kind: 'fit' });
  await until(has(upstream, 'note:2'), 'what passes there');
  const mine = await until(async () => {
    const { refused } = (await ask(edge1, 'ada:pw', 'GET', '/lobby/_edge')).json;
    return refused.length === 1 && refused[0];
  }, 'the author to be told');
  assert.deepEqual([mine.id, mine.rev], ['note:1', put.json.rev]);
  assert.match(mine.reason, /note\.fields\.kind\.enum/);
  assert.deepEqual((await ask(edge1, 'bob:pw', 'GET', '/lobby/_edge')).json.refused, []);
  assert.equal((await ask(edge1, 'bob:pw', 'GET', '/lobby/note:1')).status, 200); // it is a document of the room
  const all = await roomEdge(edge1);
  assert.deepEqual([all.refused, all.outbox[0].id, all.status.refused], [1, 'note:1', 1]);
  assert.equal(await has(upstream, 'note:1')(), false);
  const listed = await run(world, ['outbox', 'lobby', '--profile', 'edge1', '--json']);
  assert.equal(JSON.parse(listed.out).id, 'note:1');
  const status = await run(world, ['sync', 'lobby', '--status', '--profile', 'edge1']);
  assert.match(status.out, /1 refused/);
  everything.push([listed.out, status.out]);
  await ask(edge1, 'ada:pw', 'PUT', '/lobby/note:1', { _rev: put.json.rev, kind: 'fit' });
  await until(has(upstream, 'note:1'), 'the mended one');
  await until(async () => (await ask(edge1, 'ada:pw', 'GET', '/lobby/_edge')).json.refused.length === 0, 'the outbox to be empty');
});

test('a database that is removed at the edge is let go, and stays upstream', async () => {
  assert.equal((await asAdmin(edge2, 'DELETE', '/lobby')).status, 200);
  await until(async () => Object.keys((await asAdmin(edge2, 'GET', '/_edge')).json.rooms).length === 0, 'it to be let go');
  assert.equal(await has(edge1, 'message:next')(), true);
  assert.equal((await asAdmin(edge2, 'PUT', '/lobby')).status, 201);
  await until(has(edge2, 'message:next'), 'all of it to come again');
});

test('a wrong password is told without it, and visitors go on', async () => {
  const wrong = await serveAt('wrong', ['--upstream', upstream.url, '--credentials',
    credentials('wrong.json', { user: 'edge1', password: 'not-the-right-one' })]);
  const refused = await until(async () => {
    const now = await roomEdge(wrong);
    return now.status?.state === 'needs_auth' && now;
  }, 'upstream to refuse');
  assert.ok(refused.status.last_error.length > 0 && !JSON.stringify(refused).includes('not-the-right-one'));
  assert.equal((await ask(wrong, '', 'PUT', '/lobby/message:here', {})).status, 201);
  assert.deepEqual((await ask(wrong, '', 'GET', '/lobby/_edge')).json, { state: 'needs_auth', refused: [] });
  await until(() => wrong.child.lines.some((line) => JSON.parse(line).state === 'needs_auth'), 'its output to say so');
  assert.ok(!wrong.child.lines.concat(wrong.child.notes).join().includes('not-the-right-one'));
  await stop(wrong.child);
});

test('an upstream with a certificate of its own is believed by its pin, and by no other', async () => {
  const pinned = await serveAt('pinned-upstream', ['--tls']);
  const pin = JSON.parse(pinned.child.lines[0]).certificate_sha256;
  const who = credentials('pinned.json', { user: 'admin', password: pinned.token });
  const other = await serveAt('other-pin', ['--upstream', `${pinned.url}#sha256=${'0'.repeat(64)}`, '--credentials', who]);
  const edge = await serveAt('right-pin', ['--upstream', `${pinned.url}/#sha256=${pin}`, '--credentials', who]);
  for (const one of [edge, other]) assert.equal((await ask(one, '', 'PUT', `/lobby/message:${one.profile}`, {})).status, 201);
  const there = (id) => run(world, ['get', 'lobby', id, '--profile', 'pinned-upstream']);
  await until(async () => (await there('message:right-pin')).code === 0, 'the document upstream');
  await until(async () => (await roomEdge(other)).status?.last_error, 'the other one to say why not');
  assert.notEqual((await roomEdge(other)).status.state, 'live');
  assert.notEqual((await there('message:other-pin')).code, 0);
  for (const one of [edge, other, pinned]) await stop(one.child);
});

test('what cannot be an upstream is refused before anything is served', async () => {
  const given = async (...args) => {
    const ended = await run(world, ['serve', '--profile', 'never', '--port', '0', ...args]);
    assert.equal(ended.code, 1, `${args}: ${ended.out}`);
    assert.equal(ended.out, '');
    return ended.err;
  };
  const file = credentials('bad.json', '{"user":"edge1","pasword":"hunter2-hunter2"}');
  assert.match(await given('--upstream', 'ftp://host'), /http/);
  assert.match(await given('--upstream', 'http://'), /host is missing/);
  assert.match(await given('--upstream', 'http://host:99999'), /port/);
  assert.match(await given('--upstream', 'http://host/?x=1'), /'\?'/);
  const inAddress = await given('--upstream', 'http://edge1:hunter2-hunter2@host');
  assert.ok(/--credentials/.test(inAddress) && !inAddress.includes('hunter2'), inAddress);
  assert.match(await given('--credentials', file), /belong to --upstream/);
  assert.match(await given('--prefix', 'message'), /belong to --upstream/);
  for (const content of ['{"user":"edge1","pasword":"hunter2-hunter2"}', '{"user":"edge1","password":7}', 'hunter2-hunter2', '[]', '',
    '{"user":"edge1"}', '{"user":"edge1","password":"hunter2-hunter2","auth":"hunter2-hunter2"}',
    '{"token":"hunter2-hunter2","user":"x"}', '{"user":"a:b","password":"hunter2-hunter2"}', '{"api_key":"","token_url":"x"}']) {
    const err = await given('--upstream', upstream.url, '--credentials', credentials('bad.json', content));
    assert.match(err, /bad\.json/, content);
    assert.ok(!err.includes('hunter2'), err);
  }
  assert.equal((await run(world, ['serve', '--upstream', upstream.url, '--credentials', '/does/not/exist'])).code, 2);
});

test('the secret of the upstream is in no answer, no output and no argument', async () => {
  for (const edge of [edge1, edge2]) {
    for (const target of ['/', '/_all_dbs', '/_active_tasks', '/_scheduler/jobs', '/_scheduler/docs', '/_node/_local/_config',
      '/_node/_local/_stats', '/_node/_local/_system', '/_edge', '/lobby', '/lobby/_edge?include_docs=true', '/lobby/_security',
      '/lobby/_local_docs?include_docs=true', '/lobby/_changes?include_docs=true', '/_dbs_info', '/_membership', '/_session'])
      await asAdmin(edge, 'GET', target);
    const cmdline = readFileSync(`/proc/${edge.child.pid}/cmdline`, 'utf8');
    everything.push([cmdline]);
  }
  const said = JSON.stringify(everything);
  assert.ok(said.length > 10_000 && said.includes('message:next'));
  for (const [name, secret] of Object.entries(secrets))
    for (const form of [secret, Buffer.from(secret).toString('base64'), Buffer.from(`${name}:${secret}`).toString('base64'), encodeURIComponent(`${name}:${secret}`)])
      assert.ok(!said.includes(form), `found ${form}`);
});
