// Looking after a room with the commands, as an administrator does: beside a host that has it open,
// and when its file was damaged.
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { makeWorld, openWindow, run, serve, stop } from './harness.mjs';

let world;
beforeEach(async () => { world = await makeWorld(); });
afterEach(() => world.end());

const profile = ['--profile', 'server'];
const folder = () => path.join(world.folder, 'data', 'atelier', 'server', 'rooms', 'lobby');
const file = () => path.join(folder(), 'data.mdb');
const documents = (from, count) => Array.from({ length: count }, (_, i) =>
  JSON.stringify({ _id: `message:${String(from + i).padStart(6, '0')}`, text: `text ${from + i} ${'x'.repeat(200)}` })).join('\n');
const put = (from, count) => run(world, ['put', 'lobby', ...profile], documents(from, count));
const ids = async (room = 'lobby') => (await run(world, ['changes', room, '--no-docs', ...profile])).out
  .split('\n').filter(Boolean).map((line) => JSON.parse(line)).filter((row) => !row.deleted).map((row) => row.id).sort();

test('a room is verified and backed up while a host has it open, and restored beside itself', async () => {
  const host = await serve(world);
  assert.equal((await put(0, 500)).code, 0);
  const checked = await run(world, ['verify', 'lobby', '--json', ...profile]);
  assert.equal(checked.code, 0, checked.out + checked.err);
  const report = JSON.parse(checked.out);
  assert.equal(report.clean, true);
  assert.equal(report.in_use, true);
  assert.equal(report.tables.find((table) => table.name === 'docs').rows, 500);

  const backup = path.join(world.folder, 'lobby.backup');
  const saved = await run(world, ['backup', 'lobby', backup, ...profile]);
  assert.equal(saved.code, 0, saved.err);
  assert.equal(statSync(backup).mode & 0o777, 0o600);
  assert.equal((await run(world, ['backup', 'lobby', backup, ...profile])).code, 1);
  assert.equal((await put(500, 20)).code, 0);

  const busy = await run(world, ['restore', backup, 'lobby', '--replace', ...profile]);
  assert.equal(busy.code, 1);
  assert.match(busy.err, /in use by/);
  const beside = await run(world, ['restore', backup, 'copy', ...profile]);
  assert.equal(beside.code, 0, beside.err);
  assert.equal((await ids('copy')).length, 500);
  assert.equal((await ids()).length, 520);
  assert.equal((await run(world, ['compact', 'lobby', ...profile])).code, 0);
  await stop(host.child);

  const refused = await run(world, ['restore', backup, 'lobby', ...profile]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /--replace/);
  const restored = await run(world, ['restore', backup, 'lobby', '--replace', '--json', ...profile]);
  assert.equal(restored.code, 0, restored.err);
  assert.ok(existsSync(JSON.parse(restored.out).kept));
  assert.equal((await ids()).length, 500);
  assert.equal((await run(world, ['compact', 'lobby', ...profile])).code, 0);
  assert.equal((await run(world, ['verify', 'lobby', ...profile])).code, 0);
});

test('a damaged room says what can be done, and salvage recovers the rest', async () => {
  assert.equal((await put(0, 500)).code, 0);
  const bytes = readFileSync(file());
  const at = bytes.indexOf('text 123');
  bytes[at] ^= 1;
  writeFileSync(file(), bytes);
  const checked = await run(world, ['verify', 'lobby', ...profile]);
  assert.equal(checked.code, 4, checked.out + checked.err);
  assert.match(checked.out, /message:000123/);
  assert.match(checked.out, /atelier salvage/);

  const salvaged = await run(world, ['salvage', 'lobby', '--json', ...profile]);
  assert.equal(salvaged.code, 4, salvaged.err);
  const report = JSON.parse(salvaged.out);
  assert.equal(report.documents, 499);
  assert.deepEqual(report.words, ["the document 'message:000123'"]);
  assert.ok(existsSync(report.kept));
  assert.equal((await ids()).length, 499);
  assert.equal((await run(world, ['verify', 'lobby', ...profile])).code, 0);
});

test('a room whose file was cut is refused with the choices, and may begin anew', async () => {
  assert.equal((await put(0, 500)).code, 0);
  truncateSync(file(), Math.floor(statSync(file()).size / 2 / 4096) * 4096);
  const refused = await run(world, ['get', 'lobby', 'message:000001', ...profile]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /cut short/);
  assert.equal((await run(world, ['verify', 'lobby', ...profile])).code, 4);
  const terminal = await run(world, ['--no-window', '--room', 'lobby', '--nick', 'ann', ...profile]);
  assert.equal(terminal.code, 1);
  assert.match(terminal.err, /atelier salvage "lobby" --anew/);
  const anew = await run(world, ['salvage', 'lobby', '--anew', ...profile]);
  assert.equal(anew.code, 0, anew.err);
  assert.ok(readdirSync(folder()).some((name) => name.startsWith('damaged-')));
  assert.deepEqual(await ids('other'), []);
  assert.equal((await put(0, 3)).code, 0);
  assert.equal((await ids()).length, 3);
});

test('the window offers to recover a damaged room, and opens what was recovered', async () => {
  assert.equal((await put(0, 500)).code, 0);
  truncateSync(file(), Math.floor(statSync(file()).size / 2 / 4096) * 4096);
  const window = openWindow(world, ['chat', '--room', 'lobby', '--nick', 'ann', ...profile]);
  await window.does('wait "is damaged" within 20s', 'wait "cut short"', `screenshot ${path.join(world.folder, 'damaged.png')}`,
    'click "Recover what can be read"', 'wait "can be opened again" within 60s', 'wait "recovered"',
    'click "Open the room"', 'wait "lobby" within 20s', 'wait "you are ann"');
  window.stdin.write('quit\n');
  await stop(window);
  assert.ok(readdirSync(folder()).some((name) => name.startsWith('damaged-')));
  assert.equal((await run(world, ['verify', 'lobby', ...profile])).code, 0);
});

test('a mark left by a fault keeps the room closed until a check finds it whole', async () => {
  assert.equal((await put(0, 10)).code, 0);
  writeFileSync(path.join(folder(), 'damaged.txt'), 'a fault\n');
  const refused = await run(world, ['get', 'lobby', 'message:000001', ...profile]);
  assert.equal(refused.code, 1);
  assert.match(refused.err, /found damaged/);
  assert.equal((await run(world, ['verify', 'lobby', ...profile])).code, 0);
  assert.equal((await run(world, ['get', 'lobby', 'message:000001', ...profile])).code, 0);
});

test('what is not there, and wrong command lines, have their codes', async () => {
  for (const command of ['verify', 'salvage', 'compact']) {
    const missing = await run(world, [command, 'nowhere', ...profile]);
    assert.equal(missing.code, 1, command);
    assert.match(missing.err, /no room 'nowhere'/);
    assert.equal((await run(world, [command, ...profile])).code, 2);
    assert.equal((await run(world, [command, '--help'])).code, 0);
  }
  assert.equal((await run(world, ['backup', 'nowhere', path.join(world.folder, 'x'), ...profile])).code, 1);
  const none = await run(world, ['restore', path.join(world.folder, 'none'), 'lobby', ...profile]);
  assert.equal(none.code, 1);
  assert.ok(!existsSync(file()));
});
