// What bench_text and bench_whiteboard measure in whole programs: frames of a window, and the time from
// one person's key or pen to another person's screen. Windows without a display, played by scripts
// (host/window/script.h), each a process; they draw without a graphics card
// (host/window/rasteriser.h). Prints rows as bench/report.h reads them.
//
//   node windows.mjs text SAMPLES
//   node windows.mjs whiteboard SAMPLES DOCUMENTS    one JSON document a line, of a full board
//
// To another's screen: from the moment this program writes the event into A's script until it reads
// that B's pixel has the colour. In it are both pipes, A's frames, the server (a third process), B's
// frames, B's whole drawing and reading it back.
import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { inflateSync } from 'node:zlib';

import { makeWorld, openWindow, run, start, stop, until } from '../peers/harness.mjs';

const [what, samplesText, documents] = process.argv.slice(2);
const samples = Number(samplesText);
const size = ['--width', '1280', '--height', '800'];
const rows = [];

function quantile(values, share) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))];
}

function row(work, value, target = null) {
  rows.push({ work, value, unit: 'ms', peer: null, peer_value: null, ratio: null, target,
    met: target === null ? null : value <= target, better: 'less' });
}

/** Frames of `script`: the ms of input, building, handing over textures and drawing, and the processor time of the
 *  first three. */
async function framesOf(window, script) {
  const before = window.lines.length;
  await window.does('frames on', ...script, 'frames off');
  const line = window.lines.slice(before).find((text) => text.startsWith('frames '));
  return JSON.parse(line.slice('frames '.length));
}

/** Rows of the frames of some acts: besides drawing, and that drawing. An act is followed by frames in which
 *  little happens; as many frames as there were acts, the slowest ones, are what the acts cost. */
function frameRows(work, acts, frames, target) {
  const slowest = (values) => values.sort((a, b) => b - a).slice(0, acts);
  const clock = slowest(frames.map(([input, build, upload]) => input + build + upload));
  const processor = slowest(frames.map((frame) => frame[4]));
  if (process.env.ATELIER_BENCH_VERBOSE) {
    const worst = [...frames].sort((a, b) => b[4] - a[4]).slice(0, 5);
    process.stderr.write(`${work}: ${frames.length} frames, median ${quantile(processor, 0.5)}, the slowest ${JSON.stringify(worst)}\n`);
  }
  row(`${work}, a frame besides drawing, median`, quantile(clock, 0.5), target);
  row(`${work}, its processor time, median`, quantile(processor, 0.5), target);
  row(`${work}, its processor time, p99`, quantile(processor, 0.99), target);
  row(`${work}, drawing without a graphics card, median`, quantile(frames.map((frame) => frame[3]), 0.5));
}

/** The time from `act` in A until B shows the colour at a place. */
async function toOtherScreen(a, b, act, x, y, colour) {
  const mark = `seen ${x} ${y} ${colour} ${performance.now()}`;
  const seen = new Promise((resolve) => {
    const listen = (line) => {
      if (line !== mark) return;
      b.reader.off('line', listen);
      resolve(performance.now());
    };
    b.reader.on('line', listen);
  });
  b.stdin.write(`wait pixel ${x} ${y} ${colour} within 20s\nprint "${mark}"\n`);
  const began = performance.now();
  a.stdin.write(`${act}\n`);
  const ended = b.exit.then(() => { throw new Error(`B ended: ${b.notes.join('\n')}`); });
  return (await Promise.race([seen, ended])) - began;
}

function latencyRows(work, times) {
  if (process.env.ATELIER_BENCH_VERBOSE)
    process.stderr.write(`${work}: ${times.length}, ${[0, 0.5, 0.95, 0.99, 1].map((share) => quantile(times, share).toFixed(1))}\n`);
  row(`${work}, median`, quantile(times, 0.5));
  row(`${work}, p99`, quantile(times, 0.99), 60);
}

/** A server that all hosts of this world join, and a way to open windows on a room of its. */
async function company(world, plugin) {
  const server = start(world, ['serve', '--profile', 'server', '--json', '--port', world.env.ATELIER_PORT, '--room', 'lobby']);
  await until(() => server.lines[0], `the server: ${server.notes}`);
  const open = (nick) => {
    const window = openWindow(world, [plugin, '--room', 'lobby', '--nick', nick, '--profile', nick, ...size]);
    window.reader = createInterface({ input: window.stdout });
    window.exit = once(window, 'exit');
    return window;
  };
  return [open('ann'), open('bob')];
}

/** The pixels of a screenshot: rows of RGB, PNG's filters 0 and 2. */
function pixelsOf(file) {
  const png = readFileSync(file), width = png.readUInt32BE(16), parts = [], out = [];
  for (let at = 8; at < png.length; at += png.readUInt32BE(at) + 12)
    if (png.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)));
  const raw = inflateSync(Buffer.concat(parts)), stride = width * 3 + 1;
  for (let y = 0; y * stride < raw.length; y++) {
    const line = Buffer.from(raw.subarray(y * stride + 1, (y + 1) * stride));
    if (raw[y * stride] === 2) for (let i = 0; i < line.length; i++) line[i] += out[y - 1][i];
    out.push(line);
  }
  return { width, height: out.length, at: (x, y) => `#${out[y].toString('hex', x * 3, x * 3 + 3)}` };
}

/** The middle of what is another colour in the second picture, with both colours. */
function difference(world, first, second) {
  const [a, b] = [pixelsOf(first), pixelsOf(second)], places = [];
  for (let y = 2; y < a.height - 2; y++)
    for (let x = 2; x < a.width - 2; x++) {
      const same = (p, colour) => [[-2, 0], [2, 0], [0, -2], [0, 2]].every(([dx, dy]) => p.at(x + dx, y + dy) === colour);
      const [from, to] = [a.at(x, y), b.at(x, y)];
      if (from !== to && same(a, from) && same(b, to)) places.push({ x, y, from, to });
    }
  if (places.length === 0) throw new Error('nothing changed on the screen');
  return places[places.length >> 1];
}

// ---- Texts

async function textToOther(world) {
  const [ann, bob] = await company(world, 'coedit');
  await ann.does('wait "No texts yet"', 'click "New text"', 'wait "Title"', 'type "Shared\\n"', 'wait "0 words"', 'type "\\nbelow"');
  await bob.does('wait "Shared" within 20s', 'click text "Shared"', 'wait "1 word" within 20s', 'move 5 790');
  await ann.does('key Ctrl+Home', 'type "█"');
  const [without, with_] = ['without', 'with'].map((name) => path.join(world.folder, `${name}.png`));
  await bob.does('wait "2 words" within 20s', 'wait "Saved"', `screenshot ${with_}`);
  await ann.does('key Backspace');
  await bob.does('wait "1 word" within 20s', 'wait "Saved"', `screenshot ${without}`);
  const place = difference(world, without, with_);
  const times = [];
  for (let i = 0; i < samples; i++) {
    times.push(await toOtherScreen(ann, bob, 'type "█"', place.x, place.y, place.to));
    await ann.does();
    times.push(await toOtherScreen(ann, bob, 'key Backspace', place.x, place.y, place.from));
    await ann.does();
  }
  latencyRows("a key to another's screen through one server", times);
}

const sentence = 'Some words that were written by nobody in particular, so that there is a text of some length. ';

async function bigText(world, name, text, work) {
  writeFileSync(path.join(world.folder, `${name}.txt`), text);
  const ann = openWindow(world, ['coedit', '--room', name, '--nick', 'Ann', '--profile', name, ...size]);
  await ann.does('wait "No texts yet"', 'click "Import a text file"', `wait "${name}.txt" within 5s`, `click text "${name}.txt"`,
    'click "Import"', 'wait "words" within 60s', 'wait "Saved" within 60s', 'key Ctrl+F', 'wait "Find in this text"',
    'type "MIDDLE"', 'wait "1 of 1"', 'key Escape', 'key Right');
  const keys = Array(samples).fill('type "x"');
  frameRows(`${work}: a keystroke in the middle to glyph`, samples, await framesOf(ann, keys), 4);
  await ann.does('key Ctrl+F', 'key Ctrl+A', 'type "nobody"', 'wait " of "', 'click "Text"');
  frameRows(`${work}: the same with find on`, samples, await framesOf(ann, keys), 4);
  await stop(ann);
}

async function text(world) {
  const half = sentence.repeat(Math.ceil((samples < 10 ? 5_000 : 500_000) / sentence.length)); // few: only that it runs
  const lines = half.replaceAll('. ', '.\n');
  await bigText(world, 'Lines', `${lines}MIDDLE\n${lines}`, 'text of 1 MB in lines');
  await bigText(world, 'Line', `${half}MIDDLE ${half}`, 'text of 1 MB in one line');
  await textToOther(world);
}

// ---- The board

async function fullBoard(world) {
  const bodies = readFileSync(documents, 'utf8');
  const count = bodies.trim().split('\n').length;
  const put = await run(world, ['put', 'full', '--profile', 'full'], bodies);
  if (put.code !== 0) throw new Error(put.err);
  const window = openWindow(world, ['whiteboard', '--room', 'full', '--nick', 'Ada', '--profile', 'full', ...size]);
  await window.does('wait "Rectangle" within 60s', 'drag middle 1200 700 100 150', 'drag middle 1200 700 100 150');
  const steps = Math.min(samples, 100);
  const way = Array.from({ length: steps }, (_, i) => `${1200 - i * 10} ${700 - i * 5}`);
  frameRows(`window on ${count} strokes: pan`, steps, await framesOf(window, [`drag middle ${way.join(' ')}`]), 8);
  const zooms = Array.from({ length: steps }, (_, i) => `scroll ${i % 20 < 10 ? -1 : 1}`);
  frameRows(`window on ${count} strokes: zoom`, steps, await framesOf(window, zooms), 8);
  const strokes = Array.from({ length: steps }, (_, i) => `drag ${200 + (i % 40) * 20} 300 ${220 + (i % 40) * 20} 420`);
  frameRows(`window on ${count} strokes: draw`, steps, await framesOf(window, ['key P', ...strokes]), 8);
  await stop(window);
}

async function strokeToOther(world) {
  const [ann, bob] = await company(world, 'whiteboard');
  await ann.does('wait "Rectangle"', 'key P', 'click "Thick"', 'drag 100 170 140 172');
  await bob.does('wait "Rectangle"', 'wait pixel 120 171 #1e1e1e within 20s', 'move 5 790');
  const dots = [], lines = [];
  for (let i = 0; i < samples; i++) {
    const [x, y] = [100 + (i % 40) * 24, 190 + Math.floor(i / 40) * 40];
    // Ann's pointer is drawn at Bob's as well, from its tip down: it must not stand on the place that is watched.
    await ann.does(`move ${x} ${y}`);
    dots.push(await toOtherScreen(ann, bob, `press\nrelease\nmove ${x + 90} ${y + 60}`, x, y, '#1e1e1e'));
    await ann.does(`move ${x + 12} ${y - 20}`, 'press', `move ${x + 12} ${y - 10}`);
    lines.push(await toOtherScreen(ann, bob, `move ${x + 12} ${y + 10}`, x + 12, y - 4, '#1e1e1e'));
    await ann.does('release');
  }
  latencyRows("a dot, to another's screen through one server", dots);
  latencyRows("a stroke drawn on, to another's screen through one server", lines);
}

async function whiteboard(world) {
  await fullBoard(world);
  await strokeToOther(world);
}

const world = await makeWorld();
try {
  await { text, whiteboard }[what](world);
  console.log(JSON.stringify(rows));
} finally {
  await world.end();
}
