// Who is here, over the server's WebSocket: pages (node's own WebSocket) and native hosts see each
// other, whoever leaves is gone, stopped and killed ones too, and everybody comes back when another
// host takes over.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { makeWorld, serve, start, stop, until } from './harness.mjs';

const skip = typeof WebSocket === 'undefined' && 'this node has no WebSocket';
let world, pages;
beforeEach(async () => {
  world = await makeWorld();
  pages = [];
});
afterEach(async () => {
  for (const page of pages) page.socket.close();
  await world.end();
});

/** What the page in docs/server.md does. */
function page(url, room, name) {
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}/${room}/_presence`);
  const self = { socket, people: {}, me: null, closed: null };
  socket.onopen = () => name && self.show({});
  socket.onmessage = ({ data }) => {
    const { you, key, gone, whole, name: theirName, topics } = JSON.parse(data);
    if (you) self.me = you;
    else if (gone) delete self.people[key];
    else self.people[key] = { name: theirName, topics: { ...(whole ? {} : self.people[key]?.topics), ...topics } };
  };
  socket.onclose = (event) => { self.closed = event; };
  self.show = (topics) => socket.send(JSON.stringify({ name, topics }));
  self.named = (wanted) => Object.values(self.people).find((person) => person.name === wanted);
  self.sees = (wanted, timeoutMs) => until(() => self.named(wanted), `${wanted} to be seen by ${name}`, timeoutMs);
  self.misses = (wanted, timeoutMs) => until(() => !self.named(wanted), `${wanted} to be gone for ${name}`, timeoutMs);
  pages.push(self);
  return self;
}

function host(name) {
  const child = start(world, ['--no-window', '--profile', name, '--nick', name]);
  child.isReady = () => until(() => child.notes.some((line) => /^-- (Live|Offline|You are serving)/.test(line)), `${name} to be ready`);
  return child;
}
const record = () => JSON.parse(readFileSync(path.join(world.folder, 'atelier', 'share.json'), 'utf8'));

test('pages see each other, what they show, and who leaves', { skip }, async () => {
  const { url, child } = await serve(world, { args: ['--room', 'lobby'] });
  const ada = page(url, 'lobby', 'Ada'), bob = page(url, 'lobby', 'Bob');
  await Promise.all([ada.sees('Bob'), bob.sees('Ada')]);
  ada.show({ board: { x: 1, y: 2 }, text: 5 });
  await until(() => bob.named('Ada').topics.board?.y === 2, 'the cursor');
  ada.show({ board: null });
  await until(() => bob.named('Ada').topics.board === null, 'the cursor to go');
  assert.equal(bob.named('Ada').topics.text, 5);
  assert.equal(Object.keys(bob.people).length, 1);
  assert.ok(ada.me && bob.people[ada.me] && ada.people[bob.me]);
  ada.socket.close();
  await bob.misses('Ada', 1000);
  bob.socket.send('{');
  await until(() => bob.closed, 'the server to object');
  assert.equal(bob.closed.code, 1007);
  const last = page(url, 'lobby', 'Last');
  await until(() => last.me, 'a third page');
  await stop(child);
  await until(() => last.closed, 'the server to say goodbye');
  assert.equal(last.closed.code, 1001);
});

test('twenty pages that show more than thirty states a second all see the last of each', { skip }, async () => {
  const { url } = await serve(world, { args: ['--room', 'lobby'] });
  const all = Array.from({ length: 20 }, (_, n) => page(url, 'lobby', `P${n}`));
  const everyone = (what) => until(() => all.every((one) => all.every((other) => other === one || what(one.people[other.me]))),
    'all to see all');
  await everyone((person) => person);
  for (let n = 1; n <= 100; ++n) {
    for (const one of all) one.show({ board: { stroke: Array(50).fill(n), n } });
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  await everyone((person) => person.topics.board.n === 100);
});

test('a stopped host is gone within ten seconds and back when it goes on', { skip }, async () => {
  const ann = host('ann');
  await ann.isReady();
  const bob = host('bob');
  await bob.isReady();
  const eve = page(record().url, 'lobby', 'Eve');
  await Promise.all([eve.sees('ann'), eve.sees('bob')]);
  const key = Object.keys(eve.people).find((one) => eve.people[one].name === 'bob');
  bob.kill('SIGSTOP');
  await eve.misses('bob', 10_000);
  assert.ok(eve.named('ann'), 'the others stay');
  bob.kill('SIGCONT');
  await eve.sees('bob');
  assert.equal(eve.people[key]?.name, 'bob', 'under the same key');
  await stop(bob, 'SIGKILL');
  await eve.misses('bob', 1000);
});

test('everybody is back under their keys when another host takes over', { skip }, async () => {
  const ann = host('ann');
  await ann.isReady();
  const bob = host('bob');
  await bob.isReady();
  const before = record();
  const eve = page(before.url, 'lobby', 'Eve');
  await eve.sees('bob');
  const key = Object.keys(eve.people).find((one) => eve.people[one].name === 'bob');
  await stop(ann, 'SIGKILL');
  await until(() => { try { return record().uuid !== before.uuid; } catch { return false; } }, 'bob to serve', 5000);
  const again = page(record().url, 'lobby', 'Eve');
  await again.sees('bob');
  assert.equal(again.people[key]?.name, 'bob');
  assert.equal(again.named('ann'), undefined);
});
