// Real sockets through a proxy that slows, drips, cuts, resets, falls silent and garbles: `atelier sync` and
// PouchDB against `atelier serve`. In the end both sides hold the same leaves, and nothing needed a hand.
import assert from 'node:assert/strict';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { isDeepStrictEqual } from 'node:util';

import { faultProxy } from './fault_proxy.mjs';
import { makeWorld, pouch, run, serve, spawnNode, start, stop, until } from './harness.mjs';

const PouchDB = pouch();
let world, server;
before(async () => {
  world = await makeWorld();
  server = await serve(world);
});
after(() => world.end());

async function freshRoom(name) {
  await new PouchDB(`${server.admin}/${name}`, { adapter: 'http' }).info(); // the administrator makes it
  return new PouchDB(`${server.url}/${name}`, { adapter: 'http', skip_setup: true });
}

const chat = (n, who) => ({ _id: `message:${who}-${n}`, timestamp: n, sender: who, text: 'x'.repeat(200) });

/** Of what `atelier changes` printed: every document with all its leaves. */
function leavesIn(printed) {
  return Object.fromEntries(printed.split('\n').filter(Boolean).map((line) => JSON.parse(line))
    .map((row) => [row.id, row.changes.map((change) => change.rev).sort()]));
}

async function leavesThere(db) {
  const { results } = await db.changes({ since: 0, style: 'all_docs' });
  return Object.fromEntries(results.map((row) => [row.id, row.changes.map((change) => change.rev).sort()]));
}

const rounds = ['slow', 'drip', 'cut', 'garbage', 'refuse', 'silent'];

test('atelier sync goes on through everything that a network does', { timeout: 120_000 }, async (t) => {
  const remote = await freshRoom('rough');
  const proxy = await faultProxy(server.url);
  t.after(() => proxy.end());
  const sync = start(world, ['sync', 'rough', `${proxy.url}/rough`, '--live', '--json', '--profile', 'client']);
  await until(() => sync.lines.length > 0, `the first exchange: ${sync.notes}`);
  const put = (n) => run(world, ['put', 'rough', '--profile', 'client'], JSON.stringify(chat(n, 'here')));
  const here = async () => leavesIn((await run(world, ['changes', 'rough', '--profile', 'client'])).out);
  for (const [n, mode] of rounds.entries()) {
    const before = proxy.faults();
    proxy.set(mode);
    assert.equal((await put(n)).code, 0);
    await remote.put(chat(n, 'there'));
    await until(() => proxy.faults() > before, `the fault "${mode}" to strike`);
    proxy.set('clean');
    proxy.reset(); // nobody is told of a half-open connection until the router forgets it
    await until(async () => (await here())[`message:there-${n}`], `their message ${n} here after ${mode}`);
    await until(async () => (await leavesThere(remote))[`message:here-${n}`], `our message ${n} there after ${mode}`);
  }
  await until(async () => isDeepStrictEqual(await here(), await leavesThere(remote)), 'both sides to hold the same leaves');
  assert.equal(sync.exitCode, null, 'the same process all along');
  assert.equal((await stop(sync)).code, 0);
});

test('PouchDB finds the server whole behind everything that a network does', { timeout: 120_000 }, async (t) => {
  const remote = await freshRoom('rougher');
  const proxy = await faultProxy(server.url, 2);
  t.after(() => proxy.end());
  const folder = path.join(world.folder, 'pouch');
  const attempt = (...more) => spawnNode(world, 'pouch_sync.mjs', [folder, `${proxy.url}/rougher`, ...more]);
  for (const [n, mode] of rounds.entries()) {
    await remote.put(chat(n, 'there'));
    proxy.set(mode);
    // It may fail, and of a silent line it would never learn; what matters is what it left behind.
    const child = attempt(JSON.stringify(chat(n, 'pouch')));
    const before = proxy.faults();
    await Promise.race([child.ended, until(() => proxy.faults() > before + (mode === 'silent' ? 0 : 3), 'faults')]);
    await stop(child, 'SIGKILL');
    proxy.set('clean');
  }
  const last = attempt();
  assert.equal((await last.ended).code, 0, last.notes.join('\n'));
  const theirs = await remote.allDocs();
  assert.deepEqual(JSON.parse(last.lines[0]), Object.fromEntries(theirs.rows.map((row) => [row.id, row.value.rev])));
  assert.equal(theirs.rows.filter((row) => row.id.startsWith('message:there-')).length, rounds.length);
  assert.ok(theirs.rows.some((row) => row.id.startsWith('message:pouch-')));
});
