// The whiteboard in windows without a display: every tool by events of pointer and keys, what comes
// of it as documents, and the same board on three hosts, pixel by pixel.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, statSync } from 'node:fs';
import path from 'node:path';
import { inflateSync } from 'node:zlib';
import { afterEach, beforeEach, test } from 'node:test';

import { makeWorld, openWindow, run, until } from './harness.mjs';

const artefacts = process.env.ATELIER_ARTEFACTS;
mkdirSync(artefacts, { recursive: true });
const picture = (name) => path.join(artefacts, `whiteboard-${name}.png`);

let world;
beforeEach(async () => { world = await makeWorld(); });
afterEach(() => world.end());

/** A window on the board; `does` plays script lines and waits until they came true. */
function open(profile, args = []) {
  return openWindow(world, ['whiteboard', '--room', 'wall', '--nick', profile, '--profile', profile, ...args]);
}

/** The documents on the board, as the profile has them; in the order of drawing. */
async function shapes(profile) {
  const { out, code, err } = await run(world, ['changes', 'wall', '--profile', profile]);
  assert.equal(code, 0, err);
  return out.trim().split('\n').filter((line) => line !== '').map((line) => JSON.parse(line))
    .filter((row) => row.id.startsWith('board:') && !row.deleted).map((row) => row.doc)
    .sort((a, b) => (a.z < b.z ? -1 : 1));
}
const kinds = async (profile) => (await shapes(profile)).map((doc) => doc.kind).join(' ');

/** The part of a screenshot that shows nothing but the board: the rows are RGB with PNG's filters 0 and 2. */
function board(file) {
  const png = readFileSync(file);
  const width = png.readUInt32BE(16), parts = [], rows = [];
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  const raw = inflateSync(Buffer.concat(parts)), stride = width * 3 + 1;
  let above = Buffer.alloc(width * 3);
  for (let y = 0; y * stride < raw.length; y++) {
    const row = Buffer.from(raw.subarray(y * stride + 1, (y + 1) * stride));
    if (raw[y * stride] === 2) for (let i = 0; i < row.length; i++) row[i] += above[i];
    above = row;
    if (y >= 180 && y < 620) rows.push(row.subarray(20 * 3, 1070 * 3));
  }
  return Buffer.concat(rows);
}

test('each tool leaves its document, by key and by button, and undo takes them back', async () => {
  const ada = open('ada');
  await ada.does('wait "This board is empty"', `screenshot "${picture('empty')}"`, 'key P',
    'drag 200 200 220 180 250 170 290 190 330 240 380 250 420 210', 'click "Red"', 'click "Thick"',
    'drag 200 320 260 330 330 320');
  let docs = await shapes('ada');
  assert.deepEqual(docs.map((doc) => [doc.kind, doc.colour, doc.width, doc.author]),
    [['stroke', '#1e1e1e', 4, 'ada'], ['stroke', '#e03131', 8, 'ada']]);

  await ada.does('click "Rectangle"', 'click "Light blue fill"', 'drag 500 160 640 240', 'key O',
    'drag Shift+ 700 160 760 260', 'key L', 'drag Shift+ 500 300 640 310', 'click "Arrow"', 'drag 700 300 820 360',
    `screenshot "${picture('shapes')}"`);
  docs = await shapes('ada');
  assert.equal(docs.map((doc) => doc.kind).join(' '), 'stroke stroke rectangle ellipse line arrow');
  assert.deepEqual([docs[2].w, docs[2].h, docs[2].fill], [140, 80, '#a5d8ff']);
  assert.equal(docs[3].w, docs[3].h);
  assert.ok(Math.abs(docs[4].h) < 0.01);

  await ada.does('key N', 'click at 300 500', 'type "a note"', 'key Escape', 'key T', 'click at 500 500',
    'type "Grüße 👋\\nnext line"', 'key Escape', `screenshot "${picture('letters')}"`);
  docs = await shapes('ada');
  assert.deepEqual(docs.slice(6).map((doc) => [doc.kind, doc.text]), [['note', 'a note'], ['text', 'Grüße 👋\nnext line']]);

  // The eraser takes both strokes at once; undo brings them back, one step more takes the text.
  await ada.does('key E', 'drag 260 140 260 360');
  assert.equal(await kinds('ada'), 'rectangle ellipse line arrow note text');
  await ada.does('key Ctrl+Z');
  assert.equal(await kinds('ada'), 'stroke stroke rectangle ellipse line arrow note text');
  await ada.does('click "Undo"');
  assert.equal(await kinds('ada'), 'stroke stroke rectangle ellipse line arrow note');
  await ada.does('key Ctrl+Shift+Z');
  assert.equal(await kinds('ada'), 'stroke stroke rectangle ellipse line arrow note text');
});

test('what is selected is moved, resized, copied, reordered, restyled and deleted', async () => {
  const ada = open('ada');
  await ada.does('wait "Rectangle"', 'key R', 'click "Yellow fill"', 'drag 300 200 400 300', 'key R',
    'drag 350 250 450 350', 'key Escape');
  const [first, second] = await shapes('ada');
  const at = async (id) => (await shapes('ada')).find((doc) => doc._id === id);

  await ada.does('click at 320 220', 'drag 320 220 300 230');
  let moved = await at(first._id);
  assert.deepEqual([moved.x - first.x, moved.y - first.y], [-20, 10]);
  await ada.does('key Right', 'key Shift+Down');
  moved = await at(first._id);
  assert.deepEqual([moved.x - first.x, moved.y - first.y], [-19, 20]);
  // The handle at the frame's lower right corner: the frame stands six pixels outside.
  await ada.does('drag 387 326 437 346', `screenshot "${picture('selected')}"`);
  const resized = await at(first._id);
  assert.deepEqual([Math.round(resized.w), Math.round(resized.h)], [150, 120]);
  await ada.does('click "To front"');
  assert.equal((await shapes('ada')).at(-1)._id, first._id);
  await ada.does('click "To back"', 'click "Blue"', 'click "Thin"', 'click "No fill"');
  const styled = await at(first._id);
  assert.deepEqual([styled.colour, styled.width, styled.fill], ['#1971c2', 2, 'none']);
  assert.equal((await shapes('ada'))[0]._id, first._id);
  await ada.does('key Ctrl+D');
  assert.equal((await shapes('ada')).length, 3);
  await ada.does('key Delete');
  assert.equal((await shapes('ada')).length, 2);
  await ada.does('drag Alt+ 430 340 600 340', 'key Ctrl+A', 'key Backspace', 'wait "This board is empty"');
  assert.equal((await shapes('ada')).length, 0);
  await ada.does('key Ctrl+Z', 'wait gone "This board is empty"');
  assert.ok((await shapes('ada')).some((doc) => doc._id === second._id));
});

test('the keys for order, redo, zoom and giving up, and a double click that writes', async () => {
  const ada = open('ada');
  await ada.does('wait "Rectangle"', 'key R', 'click "Yellow fill"', 'drag 300 200 400 300', 'key R',
    'drag 350 250 450 350', 'key R', 'drag 380 280 480 380', 'key Escape', 'key V');
  const [low, middle, high] = (await shapes('ada')).map((doc) => doc._id);
  const order = async () => (await shapes('ada')).map((doc) => doc._id);
  await ada.does('click at 320 220', 'key ]');
  assert.deepEqual(await order(), [middle, high, low]);
  await ada.does('key [');
  assert.deepEqual(await order(), [low, middle, high]);
  await ada.does('key Ctrl+]');
  assert.deepEqual(await order(), [middle, low, high]);
  await ada.does('key Ctrl+[');
  assert.deepEqual(await order(), [low, middle, high]);
  await ada.does('key Delete', 'key Ctrl+Z');
  assert.deepEqual(await order(), [low, middle, high]);
  await ada.does('key Ctrl+Y');
  assert.deepEqual(await order(), [middle, high]);

  await ada.does('key =', 'wait "125%"', 'key -', 'key -', 'wait "80%"', 'key 0', 'wait "100%"');

  // What is given up in the middle leaves nothing; a selection dragged and given up stays where it was.
  const before = await shapes('ada');
  await ada.does('key P', 'move 600 300', 'press', 'move 650 350', 'key Escape', 'move 700 400', 'release', 'key V',
    'click at 470 370', 'move 470 370', 'press', 'move 520 420', 'key Escape', 'release', 'key Escape');
  assert.deepEqual(await shapes('ada'), before);

  await ada.does('doubleclick at 700 450', 'type "first"', 'key Escape');
  const text = (await shapes('ada')).at(-1);
  assert.deepEqual([text.kind, text.text], ['text', 'first']);
  await ada.does('key Escape', 'doubleclick at 710 450', 'key End', 'type " and more"', 'click at 850 250');
  assert.equal((await shapes('ada')).at(-1).text, 'first and more');
  assert.equal((await shapes('ada')).at(-1)._id, text._id);
});

test('the view moves by wheel, middle button and keys, and exports are files', async () => {
  const ada = open('ada');
  await ada.does('wait "Rectangle"', 'key R', 'click "Light green fill"', 'drag 500 380 600 440', 'key Escape',
    'wait "100%"', 'scroll 4', 'wait "175%"', 'key 0', 'wait "100%"', 'click "Zoom in"', 'wait "125%"',
    'drag middle 300 300 400 350', 'key 1', 'wait "100%"', 'wait pixel 550 434 #b2f2bb',
    'key H', 'drag 300 300 340 300', 'wait pixel 620 434 #b2f2bb', `screenshot "${picture('view')}"`);
  for (const [format, magic] of [['SVG file', '<?xml'], ['PNG picture', '\x89PNG']]) {
    const file = path.join(world.folder, `export.${format.slice(0, 3).toLowerCase()}`);
    await ada.does('click "Export"', `click "${format}"`, 'click "File name"', 'key Ctrl+A', `type "${file}\\n"`,
      'wait "Exported to"');
    assert.ok(statSync(file).size > 300);
    assert.ok(readFileSync(file, 'latin1').startsWith(magic));
  }
});

test('three people draw at once, see each other, and end with the same pixels', async () => {
  const people = [];
  for (const name of ['ada', 'bob', 'cleo']) {
    people.push(open(name));
    await people.at(-1).does('wait "Pen"');
  }
  const [ada, bob, cleo] = people;
  await bob.does('wait "Live" within 10s');
  await cleo.does('wait "Live" within 10s');
  await Promise.all([
    ada.does('key P', 'click "Red"', 'drag 200 200 240 260 300 220 360 300 420 240'),
    bob.does('key R', 'click "Light blue fill"', 'drag 300 220 420 320', 'key N', 'click at 700 300', 'type "Hi 👋"', 'key Escape'),
    cleo.does('key P', 'click "Blue"', 'click "Very thick"', 'drag 250 180 350 280 450 200', 'key A', 'drag 600 420 800 480'),
  ]);
  // A stroke is seen while it is drawn, with its colour, and stays when it is finished.
  await ada.does('key P', 'click "Very thick"', 'move 900 200', 'press', 'move 900 260', 'move 900 320', 'move 900 420');
  await bob.does('move 20 700', 'wait pixel 900 300 #e03131 within 10s', `screenshot "${picture('live')}"`);
  await ada.does('release');
  const all = 'arrow note rectangle stroke stroke stroke';
  for (const name of ['ada', 'bob', 'cleo'])
    await until(async () => (await kinds(name)).split(' ').sort().join(' ') === all, `${name} to have everything`);
  const files = [];
  for (const person of people) {
    await person.does('key Escape', 'key Escape', 'key V', 'move 3 3', 'wait pixel 900 300 #e03131');
    files.push(picture(`same-${files.length}`));
  }
  await until(async () => {
    for (const [i, person] of people.entries()) await person.does(`screenshot "${files[i]}"`);
    const [first, ...others] = files.map((file) => board(file));
    return others.every((other) => Buffer.compare(first, other) === 0);
  }, 'the three boards to be equal', 15_000);
});
