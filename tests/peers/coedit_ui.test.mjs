// Writing as people do it, by keys alone: what each key does to the text, two people in one paragraph,
// somebody who writes where nobody can reach them, and a program that is killed. What a text holds is
// read from the file that it is exported to.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';

import { makeWorld, openWindow, stop, until } from './harness.mjs';

const artefacts = process.env.ATELIER_ARTEFACTS;
mkdirSync(artefacts, { recursive: true });
const picture = (name) => path.join(artefacts, `${name}.png`);

let world, elsewhere;
beforeEach(async () => { [world, elsewhere] = [await makeWorld(), await makeWorld()]; });
afterEach(() => Promise.all([world.end(), elsewhere.end()]));

/** A window of `nick`; `does` plays script lines and waits until they came true. */
function open(nick, where = world) {
  return openWindow(where, ['coedit', '--room', 'lobby', '--nick', nick, '--profile', nick.toLowerCase()]);
}

/** A world in which nobody of `world` is met, with the same profiles. */
function apart() {
  elsewhere.env.XDG_DATA_HOME = world.env.XDG_DATA_HOME;
  elsewhere.env.HOME = world.env.HOME;
  return elsewhere;
}

const newText = (title) => ['wait "New text"', 'click "New text"', 'wait "Title"', `type "${title}\\n"`, 'wait "0 words"'];
const words = (count) => `wait "${count} words" within 15s`;

/** What the text that is open in the window holds. */
async function content(window, title) {
  const file = path.join(world.folder, `${title}.txt`);
  await window.does('click "Export"', `wait "${title}.txt"`, 'click "Export"');
  await until(() => existsSync(file), file); // it appears when it is whole
  const text = readFileSync(file, 'utf8');
  rmSync(file);
  await window.does('click "Text"');
  return text;
}

test('each key does what it does everywhere', async () => {
  const ann = open('Ann');
  await ann.does(...newText('Keys'));
  // Every row begins with the same text, chosen and typed over.
  const begin = 'one two three\\nfour five six\\nseven eight nine';
  const rows = [
    ['Left, Right', ['Ctrl+Home', 'Right', 'Right', 'Left'], 'oXne two three\nfour five six\nseven eight nine'],
    ['End, Home', ['Ctrl+Home', 'End', 'Home'], 'Xone two three\nfour five six\nseven eight nine'],
    ['Down', ['Ctrl+Home', 'Down', 'End'], 'one two three\nfour five sixX\nseven eight nine'],
    ['Up', ['Ctrl+End', 'Home', 'Up'], 'one two three\nXfour five six\nseven eight nine'],
    ['Ctrl+End', ['Ctrl+Home', 'Ctrl+End'], 'one two three\nfour five six\nseven eight nineX'],
    ['PageUp, PageDown', ['Ctrl+End', 'PageUp', 'Home', 'PageDown', 'End'], 'one two three\nfour five six\nseven eight nineX'],
    ['Ctrl+Left', ['Ctrl+End', 'Ctrl+Left'], 'one two three\nfour five six\nseven eight Xnine'],
    ['Backspace, at a line break too', ['Ctrl+End', 'Home', 'Backspace', 'Backspace'], 'one two three\nfour five siXseven eight nine'],
    ['Delete', ['Ctrl+Home', 'Delete', 'Delete'], 'Xe two three\nfour five six\nseven eight nine'],
    ['Ctrl+Backspace', ['Ctrl+End', 'Ctrl+Backspace'], 'one two three\nfour five six\nseven eight X'],
    ['Enter', ['Ctrl+Home', 'Enter'], '\nXone two three\nfour five six\nseven eight nine'],
    ['typing over what Shift chose', ['Ctrl+Home', 'Shift+Right', 'Shift+Right', 'Shift+Right'], 'X two three\nfour five six\nseven eight nine'],
    ['Shift+Down', ['Ctrl+Home', 'Shift+Down'], 'Xfour five six\nseven eight nine'],
    ['Shift+Ctrl+End', ['Ctrl+Home', 'End', 'Ctrl+Shift+End'], 'one two threeX'],
    ['copy and paste', ['Ctrl+Home', 'Ctrl+Shift+Right', 'Ctrl+C', 'Ctrl+End', 'Ctrl+V'], /^one two three\nfour five six\nseven eight nineone ?X$/],
    ['cut and paste', ['Ctrl+Home', 'Shift+Down', 'Ctrl+X', 'Ctrl+End', 'Ctrl+V'], 'four five six\nseven eight nineone two three\nX'],
    ['undo', ['Ctrl+End', 'Backspace', 'Ctrl+Z'], 'one two three\nfour five six\nseven eight nineX'],
    ['redo', ['Ctrl+End', 'Shift+Left', 'Delete', 'Ctrl+Z', 'Ctrl+Y', 'Ctrl+End'], 'one two three\nfour five six\nseven eight ninX'],
  ];
  for (const [name, keys, expected] of rows) {
    await ann.does('key Ctrl+A', `type "${begin}"`, ...keys.map((key) => `key ${key}`), 'type "X"');
    const text = await content(ann, 'Keys');
    if (expected instanceof RegExp) assert.match(text, expected, name);
    else assert.equal(text, expected, name);
  }
});

test('two people in one paragraph keep what each of them typed whole', async () => {
  const ann = open('Ann');
  await ann.does(...newText('Paragraph'), 'type "alpha omega"', 'wait "Saved" within 5s');
  const bob = open('Bob');
  await bob.does('wait "Paragraph" within 20s', 'click text "Paragraph"', words(2), 'key Ctrl+Home');
  await ann.does('key Home');
  // Both behind "alpha", letter by letter, at the same time.
  const letters = (text) => [...text].map((letter) => `type "${letter}"`);
  const go = Array(5).fill('key Right');
  await Promise.all([ann.does(...go, ...letters(' anns words stay')), bob.does(...go, ...letters(' and bobs as well'))]);
  await Promise.all([ann.does(words(9)), bob.does(words(9))]);
  await ann.does(`screenshot "${picture('coedit-paragraph')}"`, 'wait "Saved" within 10s');
  await bob.does('wait "Saved" within 10s');
  const text = await content(ann, 'Paragraph');
  assert.equal(await content(bob, 'Paragraph'), text);
  assert.match(text, /^alpha.* omega$/);
  assert.equal(text.length, 'alpha omega anns words stay and bobs as well'.length);
  // Whoever came later may have begun within the other's words; nobody's letters change their order.
  for (const whole of [' anns words stay', ' and bobs as well']) {
    let at = 0;
    for (const letter of text) if (letter === whole[at]) ++at;
    assert.equal(at, whole.length, `${whole} in ${text}`);
  }
});

test('who wrote where nobody could reach them brings it along later', async () => {
  let ann = open('Ann');
  await ann.does(...newText('Apart'), 'type "begun together."', words(2), 'wait "Saved" within 5s');
  let bob = open('Bob');
  await bob.does('wait "Apart" within 20s', 'click text "Apart"', words(2), 'wait "Saved" within 5s');
  await stop(bob);

  bob = open('Bob', apart()); // a port and a folder for sockets of his own
  await bob.does('wait "Apart"', 'click text "Apart"', words(2), 'key Ctrl+End', 'type " Bob wrote this alone."', words(6),
    'key Ctrl+Home', 'key Ctrl+Shift+Right', 'type "Started "', 'wait "Saved" within 5s');
  await ann.does('key Ctrl+End', 'type " Ann wrote that meanwhile."', words(6), 'wait "Saved" within 5s');
  await stop(bob);

  bob = open('Bob');
  await bob.does('wait "Apart" within 20s', 'click text "Apart"', words(10));
  await ann.does(words(10));
  const text = await content(ann, 'Apart');
  assert.equal(await content(bob, 'Apart'), text);
  assert.ok(text.startsWith('Started together.'), text);
  assert.ok(text.includes(' Bob wrote this alone.') && text.includes(' Ann wrote that meanwhile.'), text);
});

test('what was typed two seconds before a kill -9 is there afterwards', async () => {
  let ann = open('Ann');
  await ann.does(...newText('Killed'), 'type "First words."', words(2), 'wait "Saved" within 5s', 'type " Last words."');
  await new Promise((resolve) => setTimeout(resolve, 2000)); // this is the promise
  await stop(ann, 'SIGKILL');
  ann = open('Ann');
  await ann.does('wait "Killed" within 20s', 'click text "Killed"', words(4));
  assert.equal(await content(ann, 'Killed'), 'First words. Last words.');
});
