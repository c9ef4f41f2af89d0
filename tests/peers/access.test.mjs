// Who may do what, from the outside: PouchDB replicates what its account may see, is served the rest when its
// rights are widened, and is told why a write is refused; people are invited by links, and revoked.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { freshPouch, makeWorld, pouch, run, serve, start, stop, until } from './harness.mjs';

const PouchDB = pouch();
let world, server;

async function admin(method, target, body) {
  const response = await fetch(`${server.url}${target}`, { method, body: body && JSON.stringify(body),
    headers: { 'Content-Type': 'application/json',
      Authorization: `Basic ${Buffer.from(`admin:${server.token}`).toString('base64')}` } });
  const answer = await response.json();
  assert.ok(response.ok, `${method} ${target}: ${JSON.stringify(answer)}`);
  return answer;
}
/** Makes a document or changes it. */
async function set(id, document) {
  const all = await admin('POST', '/lobby/_all_docs', { keys: [id] });
  return admin('PUT', `/lobby/${id}`, { ...document, _rev: all.rows[0].value?.rev });
}
const remote = (name) => new PouchDB(`${server.url}/lobby`, { adapter: 'http', auth: { username: name, password: 'pw' } });

before(async () => {
  world = await makeWorld();
  writeFileSync(path.join(world.folder, 'rules.toml'), '[prefixes.log]\nappend_only = true\n');
  server = await serve(world, { args: ['--room', 'lobby', '--rules', path.join(world.folder, 'rules.toml')] });
  for (const name of ['ada', 'bob']) {
    const made = await run(world, ['user', 'add', name, '--profile', 'server'], 'pw\n');
    assert.equal(made.code, 0, made.err);
  }
  await admin('PUT', '/lobby/_security', { members: { names: ['ada', 'bob'] } });
  await set('access:rules', { version: 1, prefixes: { secret: { read: ['name:ada'] } } });
});
after(() => world.end());

test('accounts are listed, and removed', async () => {
  const list = await run(world, ['user', 'list', '--profile', 'server', '--json']);
  assert.deepEqual(list.out.trim().split('\n').map((line) => JSON.parse(line).name), ['ada', 'bob']);
  assert.equal((await run(world, ['user', 'add', 'no:colons', '--profile', 'server'], 'pw\n')).code, 1);
  assert.equal((await run(world, ['user', 'remove', 'nobody', '--profile', 'server'])).code, 1);
});

test('PouchDB gets what it may see, and the rest from the beginning when it may see more', async () => {
  await admin('PUT', '/lobby/secret:1', { text: 'old secret' });
  await admin('PUT', '/lobby/open:1', {});
  const bob = freshPouch(PouchDB);
  await bob.replicate.from(remote('bob'));
  assert.deepEqual((await bob.allDocs()).rows.map((row) => row.id), ['access:rules', 'open:1']);
  const sync = bob.sync(remote('bob'), { live: true, retry: true });
  await admin('PUT', '/lobby/secret:2', { text: 'another' });
  await admin('PUT', '/lobby/open:2', {});
  const ids = async () => (await bob.allDocs()).rows.map((row) => row.id).join();
  await until(async () => (await ids()) === 'access:rules,open:1,open:2', 'what is open');
  await set('access:rules', { version: 1, prefixes: { secret: { read: ['name:ada', 'name:bob'] } } });
  await until(async () => (await ids()) === 'access:rules,open:1,open:2,secret:1,secret:2', 'what is open now');
  sync.cancel();
  // A replication that was not running meanwhile begins anew as well, for all its checkpoint says.
  await set('access:rules', { version: 1, prefixes: { secret: { read: ['name:ada'] } } });
  const late = freshPouch(PouchDB);
  await late.replicate.from(remote('bob'));
  await set('access:rules', { version: 1, prefixes: {} });
  await late.replicate.from(remote('bob'));
  assert.equal((await late.get('secret:1')).text, 'old secret');
});

test('PouchDB is told why a write is refused', async () => {
  const ada = freshPouch(PouchDB);
  await admin('PUT', '/lobby/log:1', { n: 1 });
  await ada.replicate.from(remote('ada'));
  await ada.put({ ...(await ada.get('log:1')), n: 2 });
  await set('access:mode', { mode: 'watch' });
  await ada.put({ _id: 'open:mine' });
  const denied = [];
  const push = async () => {
    denied.length = 0;
    await new Promise((resolve, reject) => {
      ada.replicate.to(remote('ada'), { batch_size: 10 }).on('denied', (error) => denied.push(String(error.reason ?? error.message)))
        .on('complete', resolve).on('error', reject);
    });
  };
  await push();
  assert.ok(denied.every((reason) => /watches this room/.test(reason)) && denied.length === 2, denied.join());
  await set('access:mode', { mode: 'everyone' });
  const fresh = freshPouch(PouchDB);
  await fresh.replicate.from(remote('ada'));
  await fresh.put({ ...(await fresh.get('log:1')), n: 3 });
  await assert.rejects(remote('ada').put({ ...(await fresh.get('log:1')), _rev: (await remote('ada').get('log:1'))._rev }),
    (error) => /append_only/.test(error.reason));
});

test('a link lets somebody in once it is given, and nobody once it is revoked', async () => {
  const invite = (...args) => run(world, ['invite', 'lobby', '--profile', 'server', ...args]);
  const made = await invite('--role', 'writer', '--name', 'gus', '--expires', '1h');
  assert.equal(made.code, 0, made.err);
  const link = made.out.trim();
  assert.match(link, new RegExp(`^${server.url}/lobby#gus:[0-9a-f]{48}$`));
  const secret = link.split(':').at(-1);
  assert.ok(!made.err.includes(secret));

  const guest = start(world, ['join', link, '--profile', 'guest', '--nick', 'Gus', '--no-window']);
  await until(() => !readFileSync(`/proc/${guest.pid}/cmdline`, 'utf8').includes(secret) || guest.exitCode !== null,
    'the secret to leave the list of processes');
  guest.stdin.write('hello from outside\n');
  const texts = async () => JSON.stringify(await admin('GET', '/lobby/_all_docs?include_docs=true'));
  await until(async () => (await texts()).includes('hello from outside'), `the guest's words: ${guest.notes.join('\n')}`);

  const listed = JSON.parse((await invite('--list', '--json')).out);
  assert.equal(listed.name, 'gus');
  assert.equal(listed.role, 'writer');
  assert.equal(listed.over, false);
  // Kept as a digest, and shown nowhere again.
  const kept = JSON.stringify(await admin('GET', '/_users/org.couchdb.user:gus'));
  assert.ok(!kept.includes(secret) && kept.includes('argon2id'));
  assert.ok(!(await invite('--list')).out.includes(secret));

  const basic = `Basic ${Buffer.from(`gus:${secret}`).toString('base64')}`;
  const feed = await fetch(`${server.url}/lobby/_changes?feed=continuous&since=now&heartbeat=20000`,
    { headers: { Authorization: basic } });
  const ended = feed.text();
  const began = Date.now();
  assert.equal((await invite('--revoke', 'gus')).code, 0);
  assert.match(await ended, /last_seq/);
  assert.ok(Date.now() - began < 5000, 'the command and a second');
  assert.equal((await fetch(`${server.url}/lobby`, { headers: { Authorization: basic } })).status, 401);
  assert.equal((await invite('--revoke', 'gus')).code, 1);
  assert.ok(!(await admin('GET', '/lobby/_security')).members.names.includes('gus'));
  await stop(guest);
  assert.ok(![...guest.notes, ...guest.lines, ...server.child.notes, ...server.child.lines].join('\n').includes(secret));
});

test('a link to watch reads and does not write', async () => {
  const link = (await run(world, ['invite', 'lobby', '--profile', 'server', '--role', 'reader'])).out.trim();
  const [name, secret] = link.split('#')[1].split(':');
  const guest = new PouchDB(`${server.url}/lobby`, { adapter: 'http', auth: { username: name, password: secret } });
  assert.ok((await guest.info()).doc_count > 0);
  await assert.rejects(guest.put({ _id: 'open:theirs' }), (error) => /read this room and not write/.test(error.reason));
});

test('what is wrong with a link, rules, keys or an address is said before anything is opened', async () => {
  const bad = async (args, words, input = '') => {
    const result = await run(world, args, input);
    assert.notEqual(result.code, 0, args.join(' '));
    assert.match(result.err, words);
    assert.ok(!result.err.includes('sesame'), 'no secret in an error');
  };
  for (const link of ['nonsense', 'http://127.0.0.1:1/lobby', 'http://127.0.0.1:1/lobby#sesame', 'http://127.0.0.1:1/#a:sesame'])
    await bad(['join', link, '--no-window'], /no link of an invitation/);
  await bad(['join', '-', '--no-window'], /no link of an invitation/, 'http://x#sesame\n');
  await bad(['invite', 'nowhere', '--profile', 'server'], /there is no room/);
  await bad(['invite', 'lobby', '--profile', 'server', '--expires', 'soon'], /30m, 12h, 7d/);
  const file = path.join(world.folder, 'bad');
  writeFileSync(file, '[prefixes.a]\nraed = []\n');
  await bad(['serve', '--profile', 'other', '--port', '0', '--rules', file], /bad:2: .*unknown key/);
  writeFileSync(file, '{"jwt":{"keys":{"des:x":"sesame"}}}');
  await bad(['serve', '--profile', 'other', '--port', '0', '--auth', file], /bad: \/jwt\/keys: a key is called/);
  const open = ['serve', '--profile', 'other', '--port', '0', '--listen'];
  await bad([...open, '0.0.0.0'], /i-know-this-is-plain-http/);
  await bad([...open, '0.0.0.0', '--i-know-this-is-plain-http'], /--host NAME/);
  await bad([...open, '0.0.0.0', '--i-know-this-is-plain-http', '--host', 'studio.example'], /nobody has an account/);
});

test('a server for other machines lets nobody in without an account, and says who may do what', async () => {
  assert.equal((await run(world, ['user', 'add', 'eve', '--profile', 'lan'], 'pw\n')).code, 0);
  const lan = start(world, ['serve', '--profile', 'lan', '--port', '0', '--listen', '127.0.0.1', '--room', 'den']);
  await until(() => lan.lines.some((line) => /Ctrl-C/.test(line)), 'a server on loopback');
  assert.ok(lan.lines.includes('  den: anybody without an account writes'), lan.lines.join('\n'));
  await stop(lan);
  const wide = start(world, ['serve', '--profile', 'lan', '--port', '0', '--listen', '0.0.0.0', '--room', 'den', '--host',
    'localhost', '--i-know-this-is-plain-http']);
  await until(() => wide.lines.some((line) => /Ctrl-C/.test(line)), 'a server on all addresses');
  assert.ok(wide.lines.includes('  den: nobody without an account'), wide.lines.join('\n'));
  const port = wide.lines[0].match(/:(\d+)/)[1];
  assert.equal((await fetch(`http://127.0.0.1:${port}/den`)).status, 401);
});

test('keys from a file sign people in', async () => {
  const file = path.join(world.folder, 'auth.json');
  writeFileSync(file, JSON.stringify({ proxy_secret: 'between-us' }));
  const other = await serve(world, { profile: 'proxied', args: ['--room', 'den', '--auth', file] });
  const { createHmac } = await import('node:crypto');
  const token = createHmac('sha256', 'between-us').update('zoe').digest('hex');
  const session = await fetch(`${other.url}/_session`, { headers: { 'X-Auth-CouchDB-UserName': 'zoe', 'X-Auth-CouchDB-Token': token } });
  assert.equal((await session.json()).userCtx.name, 'zoe');
});
