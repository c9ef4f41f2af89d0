// Two people on one machine, without windows: the second host joins the first by itself, either may
// go and come back, whoever is left serves, and in the end both have everything in order.
import assert from 'node:assert/strict';
import { readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { makeWorld, run, start, stop, until } from './harness.mjs';

let world;
beforeEach(async () => { world = await makeWorld(); });
afterEach(() => world.end());

function host(name) {
  const child = start(world, ['--no-window', '--profile', name, '--nick', name]);
  child.say = (text) => child.stdin.write(`${text}\n`);
  child.hears = (text, timeoutMs) => until(() => child.lines.some((line) => line.includes(text)), `"${text}" at ${name}`, timeoutMs);
  child.isReady = () => until(() => child.notes.some((line) => /^-- (Live|Offline|You are serving)/.test(line)), `${name} to be ready`);
  return child;
}
const record = () => JSON.parse(readFileSync(path.join(world.folder, 'atelier', 'share.json'), 'utf8'));
const texts = async (name) => (await run(world, ['changes', 'lobby', '--profile', name])).out.split('\n').filter(Boolean)
  .map((line) => JSON.parse(line).doc).sort((a, b) => a.timestamp - b.timestamp || (a._id < b._id ? -1 : 1)).map((doc) => doc.text);

test('both have everything, in order, although each was away', async () => {
  const ann = host('ann');
  await ann.isReady();
  const bob = host('bob');
  await bob.isReady();
  ann.say('hello bob');
  await bob.hears('hello bob');
  bob.say('hello ann');
  await ann.hears('hello ann');
  assert.equal(statSync(path.join(world.folder, 'atelier', 'share.json')).mode & 0o777, 0o600);

  // The one that serves ends; the other serves within two seconds and goes on.
  const before = record();
  ann.say('I must go');
  await bob.hears('I must go');
  await stop(ann);
  const left = Date.now();
  await until(() => { try { return record().uuid !== before.uuid; } catch { return false; } }, 'bob to serve', 2000);
  assert.ok(Date.now() - left <= 2000);
  bob.say('alone now');
  await bob.hears('alone now');

  // She comes back, has what was said, and bob goes away while she writes.
  const back = host('ann');
  await back.hears('alone now');
  await stop(bob);
  back.say('where are you?');
  await back.hears('where are you?');
  const bobBack = host('bob');
  await bobBack.hears('where are you?');
  const expected = ['hello bob', 'hello ann', 'I must go', 'alone now', 'where are you?'];
  await until(async () => (await texts('ann')).length === expected.length && (await texts('bob')).length === expected.length,
    'both stores complete');
  assert.deepEqual(await texts('ann'), expected);
  assert.deepEqual(await texts('bob'), expected);
});

test('a killed holder loses nothing that it had sent, and what it had not comes when it is back', async () => {
  const ann = host('ann');
  await ann.isReady();
  const bob = host('bob');
  await bob.isReady();
  ann.say('before the crash');
  await bob.hears('before the crash');
  // The holder is killed while the other one writes without pause.
  const before = record().uuid;
  for (let n = 0; n < 20; ++n) bob.say(`during ${n}`);
  await stop(ann, 'SIGKILL');
  for (let n = 20; n < 40; ++n) bob.say(`during ${n}`);
  await bob.hears('during 39');
  await until(() => { try { return record().uuid !== before; } catch { return false; } }, 'bob to serve', 2000);
  const back = host('ann');
  await back.hears('during 39');
  for (let n = 0; n < 40; ++n) await back.hears(`during ${n}`);
  back.say('all there');
  await bob.hears('all there');
});

test('a holder that is stopped is left, and steps down when it wakes', async () => {
  const ann = host('ann');
  await ann.isReady();
  const bob = host('bob');
  await bob.isReady();
  ann.say('one');
  await bob.hears('one');
  const held = record().uuid;
  ann.kill('SIGSTOP');
  try {
    await until(() => record().uuid !== held, 'bob to serve elsewhere', 4000);
    bob.say('two');
    await bob.hears('two');
  } finally {
    ann.kill('SIGCONT');
  }
  await ann.hears('two');
  ann.say('three');
  await bob.hears('three');
});

test('a third joins from the runtime file alone', async () => {
  const hosts = ['ann', 'bob', 'cem'].map(host);
  await Promise.all(hosts.map((child) => child.isReady()));
  hosts[2].say('three of us');
  await Promise.all(hosts.map((child) => child.hears('three of us')));
  assert.deepEqual(record().rooms, ['lobby']);
});
