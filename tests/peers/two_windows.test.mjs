// Two windows without a display, driven by scripts: joining without being told more than Enter, a
// second start with one profile, leaving and deleting a room, and what a bad start says.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { makeWorld, openWindow, run, start, stop, until } from './harness.mjs';

const artefacts = process.env.ATELIER_ARTEFACTS;
mkdirSync(artefacts, { recursive: true });
const picture = (name) => path.join(artefacts, `${name}.png`);

let world;
beforeEach(async () => { world = await makeWorld(); });
afterEach(() => world.end());

/** A window; `does` plays script lines and waits until they came true. */
function open(profile, args = []) {
  return openWindow(world, ['--profile', profile, ...args]);
}
const share = () => JSON.parse(readFileSync(path.join(world.folder, 'atelier', 'share.json'), 'utf8'));

test('two people meet with nothing but Enter, and the one that is left serves', async () => {
  const ann = open('ann');
  await ann.does('wait "Chat"', `screenshot "${picture('picker')}"`);
  await ann.does('click "Nickname"', 'key Ctrl+A', 'type "Ann"', 'click "Enter"', 'wait "No messages yet"',
    `screenshot "${picture('chat-empty')}"`);
  const bob = open('bob');
  await bob.does('wait "Chat"', 'click "Nickname"', 'key Ctrl+A', 'type "Bob"', 'key Enter', 'wait "No messages yet"');
  await ann.does('type "hello from Ann\\n"');
  await bob.does('wait "hello from Ann" within 10s', 'type "hello from Bob 👋\\n"', 'wait "Live"');
  await ann.does('wait "hello from Bob" within 10s', `screenshot "${picture('chat-two')}"`);

  const holder = share().uuid;
  await stop(ann, 'SIGKILL');
  await bob.does('type "are you there?\\n"', 'wait "are you there?"');
  await until(() => share().uuid !== holder, 'bob to serve', 2000);
  const again = open('ann', ['chat', '--room', 'lobby']);
  await again.does('wait "are you there?" within 15s', 'type "back again\\n"');
  await bob.does('wait "back again" within 10s');
});

test('a second start with the same profile brings the first window to the front', async () => {
  const first = open('ann', ['chat', '--room', 'lobby', '--nick', 'Ann']);
  await first.does('wait "No messages yet"');
  const second = await run(world, ['--profile', 'ann', '--no-window']);
  assert.equal(second.code, 1);
  assert.match(second.err, /in use by atelier with profile ann/);
  // With a display (any: the first one answers before it is looked at) the first is asked to come up.
  world.env.DISPLAY = ':does-not-matter';
  const third = await run(world, ['--profile', 'ann']);
  assert.equal(third.code, 0, third.err);
  assert.match(third.err, /comes to the front/);
});

test('any title names a room, which can be left and, after a question, deleted', async () => {
  const title = 'Größe & 色 ✨';
  const ann = open('ann');
  await ann.does('wait "Chat"', 'click "Nickname"', 'key Ctrl+A', 'type "Ann"', 'click "Room"', 'key Ctrl+A', `type "${title}"`,
    'key Enter', 'wait "No messages yet"', 'type "kept?\\n"', 'wait "kept?"', `screenshot "${picture('unicode-room')}"`);
  assert.deepEqual(share().rooms, [title]);
  await ann.does('click "Leave"', 'wait "Chat"', 'wait "Größe"');
  await ann.does('click text "Größe"', 'key Enter', 'wait "kept?"');
  const rows = async () => run(world, ['changes', title, '--profile', 'ann', '--no-docs']); // through her control socket
  assert.equal((await rows()).out.split('\n').filter(Boolean).length, 1);
  const ask = ['click "Menu"', 'click "Delete this room from this computer…"', 'wait "Delete this room from this computer?"'];
  await ann.does(...ask, `screenshot "${picture('delete-question')}"`, 'click "Cancel"', 'wait "kept?"');
  assert.equal((await rows()).out.split('\n').filter(Boolean).length, 1, 'the question alone deletes nothing');
  await ann.does(...ask, 'click "Delete"', 'wait "was deleted from this computer"', 'wait "Chat"');
  assert.match((await rows()).err, /there is no room/);
  await stop(ann);
});

test('a bad plugin file, a bad room and a bad address each get a clear error', async () => {
  const plugins = path.join(world.folder, 'plugins');
  mkdirSync(plugins);
  writeFileSync(path.join(plugins, 'broken.so'), 'this is no library');
  const ann = open('ann', ['--plugins', plugins]);
  await ann.does('wait "broken"', `screenshot "${picture('broken-plugin')}"`);
  await ann.does('click "Nickname"', 'key Ctrl+A', 'type "Ann"', 'click "Enter"', 'wait "No messages yet"'); // the window stays up
  assert.ok(statSync(picture('broken-plugin')).size > 1000);

  const cases = [
    [['--no-window', '--room', 'a\u0001b'], /control character/],
    [['--no-window', '--room', 'x'.repeat(300)], /too long/],
    [['--no-window', '--profile', '../evil'], /cannot name a profile/],
    [['--no-window', '--sync', 'not an address'], /./],
    [['--no-window', '--sync', 'http://u:s3cret@127.0.0.1:5984/'], /database/],
    [['no-such-plugin', '--no-window'], /no plugin 'no-such-plugin'/],
  ];
  for (const [args, words] of cases) {
    const result = await run(world, args.includes('--profile') ? args : ['--profile', 'other', ...args]);
    assert.equal(result.code, 1, `${args}: ${result.err}`);
    assert.match(result.err, words);
    assert.doesNotMatch(result.err, /s3cret/);
  }
});
