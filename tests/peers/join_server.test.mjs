// A host joins a database of another server with --sync: PouchDB's, and one that wants a password.
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { after, before, test } from 'node:test';

import { expressPouch, makeWorld, serve, start, stop, until } from './harness.mjs';

let world;
before(async () => { world = await makeWorld(); });
after(() => world.end());

function join(profile, args, env) {
  const before = { ...world.env };
  Object.assign(world.env, env);
  const child = start(world, ['--no-window', '--profile', profile, '--nick', profile, ...args]);
  world.env = before;
  child.hears = (text) => until(() => child.lines.some((line) => line.includes(text)), `"${text}" at ${profile}`);
  child.says = (words) => until(() => child.notes.some((line) => line.includes(words)), `the status "${words}" at ${profile}`);
  return child;
}

test('a room on express-pouchdb is joined by its address', async () => {
  const express = await expressPouch(world);
  const theirs = express.db('lobby');
  await theirs.put({ _id: 'message:paula-1', timestamp: 1, sender: 'paula', text: 'first!' }); // as the article's page does
  const ann = join('ann', ['--sync', `${express.url}/lobby`]);
  await ann.hears('first!');
  await ann.says('Live');
  ann.stdin.write('hello server\n');
  const row = await until(async () => (await theirs.allDocs({ include_docs: true })).rows.find((r) => r.doc.text === 'hello server'), 'our message there');
  assert.deepEqual(Object.keys(row.doc).sort(), ['_id', '_rev', 'sender', 'text', 'timestamp']);
  assert.match(row.id, /^message:/);
  await theirs.put({ _id: 'message:paula-2', timestamp: Date.now(), sender: 'paula', text: 'welcome' });
  await ann.hears('welcome');
  await stop(ann);
});

test('a password comes from the address, a file or the environment, and is shown nowhere', async () => {
  const server = await serve(world, { args: ['--room', 'closed'] });
  const address = server.url.replace('http://', 'http://admin@');
  const closed = await fetch(`${server.url}/closed/_security`, {
    method: 'PUT', headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: '{"members":{"names":["admin"]}}',
  });
  assert.equal(closed.status, 200);

  const hosts = [
    join('in-address', ['--sync', `${server.admin}/closed`]),
    join('in-environment', ['--sync', `${address}/closed`], { ATELIER_PASSWORD: server.token }),
  ];
  const file = path.join(world.folder, 'password');
  writeFileSync(file, `${server.token}\n`);
  hosts.push(join('in-file', ['--sync', `${address}/closed`, '--password-file', file]));
  for (const host of hosts) await host.says('Live');
  assert.ok(!readFileSync(`/proc/${hosts[0].pid}/cmdline`, 'utf8').includes(server.token), 'blanked for whoever lists processes');
  hosts[0].stdin.write('only for us\n');
  for (const host of hosts) await host.hears('only for us');

  const wrong = join('wrong', ['--sync', `${server.url.replace('http://', 'http://admin:wr0ng@')}/closed`]);
  await wrong.says('Wrong user name or password');
  wrong.stdin.write('kept meanwhile\n');
  await wrong.hears('kept meanwhile');
  for (const host of [...hosts, wrong]) {
    await stop(host);
    const said = [...host.lines, ...host.notes].join('\n');
    assert.ok(!said.includes(server.token) && !said.includes('wr0ng'), said);
  }
});

test('a server that is away is said so, and found when it comes back', async () => {
  const server = await serve(world, { profile: 'comes-back', args: ['--room', 'lobby'] });
  const port = new URL(server.url).port;
  const ann = join('away', ['--sync', `${server.url}/lobby`]);
  await ann.says('Live');
  await stop(server.child, 'SIGKILL');
  ann.stdin.write('one\ntwo\nthree\n');
  await ann.says('Offline: 3 changes waiting');
  const again = start(world, ['serve', '--profile', 'comes-back', '--port', port, '--json']);
  await until(() => again.lines.length, 'the server to be back');
  const texts = async () => (await (await fetch(`${server.url}/lobby/_all_docs?include_docs=true`)).json()).rows.map((row) => row.doc.text);
  await until(async () => (await texts()).length === 3, 'all three there', 60_000);
  assert.deepEqual(await texts(), ['one', 'two', 'three']);
});
