// Two windows without a display write one text: what each types shows at the other, undo takes back
// one's own, who serves may go, and what was written apart is there for both in the end.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { makeWorld, openWindow, run, stop, until } from './harness.mjs';

const artefacts = process.env.ATELIER_ARTEFACTS;
mkdirSync(artefacts, { recursive: true });
const picture = (name) => path.join(artefacts, `${name}.png`);

let world;
beforeEach(async () => { world = await makeWorld(); });
afterEach(() => world.end());

/** A window; `does` plays script lines and waits until they came true. */
function open(profile, nick, args = []) {
  return openWindow(world, ['coedit', '--room', 'lobby', '--nick', nick, '--profile', profile, ...args]);
}

const words = (count) => `wait "${count} words" within 15s`;

test('two people write one text, undo their own, and go on without whoever served', async () => {
  const ann = open('ann', 'Ann');
  await ann.does('wait "No texts yet"', 'click "New text"', 'wait "Title"', 'type "Minutes\\n"', 'wait "0 words"',
    'type "Ann begins the first line.\\n\\n"', words(5));
  const bob = open('bob', 'Bob');
  await bob.does('wait "Minutes" within 20s', 'click text "Minutes"', words(5), 'key Ctrl+End', 'type "Bob adds three."');
  await ann.does(words(8));
  await bob.does('wait "Saved" within 5s');

  // Each takes back what they did, and nothing else.
  await ann.does('key Ctrl+Z', words(3), 'wait "Saved" within 5s', `screenshot "${picture('coedit-ann')}"`);
  await bob.does(words(3), `screenshot "${picture('coedit-bob')}"`);
  await ann.does('key Ctrl+Y', words(8));
  await bob.does(words(8));

  // Ann served the room. Bob writes on alone; later she finds it, beside what she wrote offline.
  await ann.does('wait "Saved" within 5s');
  await stop(ann);
  await bob.does('key Ctrl+End', 'type " Alone now."', words(10), 'wait "Saved" within 5s');
  const again = open('ann', 'Ann');
  await again.does('wait "Minutes" within 20s', 'click text "Minutes"', words(10), 'key Ctrl+Home',
    'type "Both. "', words(11));
  await bob.does(words(11));

  // Rename and delete show at the other, too.
  await again.does('click "Rename"', 'key Ctrl+A', 'type "Protocol\\n"');
  await bob.does('wait "Protocol" within 15s', 'click "Delete this text"', 'wait "Delete this text?"', 'click "Delete"',
    'wait gone "Protocol" within 15s');
  await again.does('wait gone "Protocol" within 15s', 'wait "No texts yet"');
});

test('files become texts and texts become files', async () => {
  const file = path.join(world.folder, 'Story.txt');
  writeFileSync(file, '\ufeffOnce\r\nupon a time 黄\r\n');
  writeFileSync(path.join(world.folder, 'latin.txt'), Buffer.from([0x63, 0x61, 0x66, 0xe9]));
  const ann = open('ann', 'Ann');
  await ann.does('wait "No texts yet"', 'click "Import a text file"', 'wait "Story.txt" within 5s',
    `screenshot "${picture('coedit-import')}"`, 'click text "Story.txt"', 'click "Import"', words(5), 'wait "Story"');
  await ann.does('click "Import a text file"', 'wait "latin.txt"', 'click text "latin.txt"', 'click "Import"',
    'wait "is not text in UTF-8"');
  await ann.does('click "Text"', 'key Ctrl+End', 'type "The end."', words(7), 'click "Export"', 'wait "Story.txt"', 'click "Export"');
  // It is there already: the dialog asks.
  await ann.does('wait "Replace it?"', `screenshot "${picture('coedit-export')}"`, 'click "Replace"',
    'wait "Exported to"');
  assert.equal(readFileSync(file, 'utf8'), 'Once\nupon a time 黄\nThe end.');
});

test('what was written in a deleted text goes with it, also when whoever deleted it leaves at once', async () => {
  const ann = open('ann', 'Ann'), bob = open('bob', 'Bob');
  await ann.does('wait "No texts yet"', 'click "New text"', 'wait "Title"', 'type "Minutes\\n"', 'wait "0 words"', 'type "some words"');
  await bob.does('wait "Minutes" within 20s', 'click text "Minutes"', words(2));
  await ann.does('wait "Saved" within 5s');
  const documents = async (profile) => {
    const { out } = await run(world, ['changes', 'lobby', '--profile', profile]);
    return out.trim().split('\n').map((line) => JSON.parse(line)).filter((row) => !row.deleted && row.id.startsWith('coedit')).map((row) => row.id);
  };
  const key = (await documents('ann')).find((id) => id.startsWith('coedit:')).slice('coedit:'.length);
  // More than are removed in one frame.
  const part = (i) => JSON.stringify({ _id: `coedit-text:${key}:0123456789abcdef:${i}`, v: 1, ops: '' });
  await run(world, ['put', 'lobby', '--profile', 'ann'], Array.from({ length: 450 }, (_, i) => part(i)).join('\n'));
  await until(async () => (await documents('bob')).length > 450, 'Bob to have them');
  await ann.does('click "Delete this text"', 'wait "Delete this text?"', 'click "Delete"', 'quit').catch(() => {});
  await ann.ended;
  await bob.does('wait "No texts yet" within 15s');
  assert.deepEqual(await documents('ann'), []);
  await until(async () => (await documents('bob')).length === 0, 'Bob to have nothing of it');
  // What somebody wrote who did not know yet.
  await run(world, ['put', 'lobby', '--profile', 'bob'], part(1000));
  await until(async () => (await documents('bob')).length === 0, 'what came later to be gone');
});
