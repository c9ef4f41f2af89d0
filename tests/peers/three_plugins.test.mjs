// Three hosts and a browser page in one room, all three plugins, a hundred steps: the server is killed and
// another one takes over in the middle, one host is offline for a third of it, and everyone has the same at
// the end. Then the board is drawn by each host alone: equal pixel by pixel.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import path from 'node:path';
import { inflateSync } from 'node:zlib';
import { after, before, test } from 'node:test';

import { makeWorld, openWindow, require, run, stop, until } from './harness.mjs';

const artefacts = process.env.ATELIER_ARTEFACTS;
const pages = process.env.ATELIER_WWW;
mkdirSync(artefacts, { recursive: true });
const picture = (name) => path.join(artefacts, `${name}.png`);

let world, browser, wire;
before(async () => {
  world = await makeWorld();
  browser = await require('playwright-core').chromium.launch({
    executablePath: ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync),
    args: ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
      '--disable-component-update', '--disable-sync'],
  });
});
after(async () => {
  await browser?.close();
  wire?.end();
  await world.end();
});

/** A window; `does` plays script lines and waits until they came true. */
function open(profile, args = []) {
  return openWindow(world, ['whiteboard',
    '--profile', profile, '--nick', profile, '--room', 'lobby', '--www', pages, ...args]);
}

/** A wire that can be pulled out: passes connections on to the room's port while it is plugged in. */
function cable() {
  const open = new Set();
  let plugged = true;
  const server = createServer((near) => {
    if (!plugged) return near.destroy();
    const far = connect(Number(world.env.ATELIER_PORT), '127.0.0.1');
    for (const [one, other] of [[near, far], [far, near]]) {
      open.add(one);
      one.pipe(other);
      one.on('error', () => other.destroy());
      one.on('close', () => { open.delete(one); other.destroy(); });
    }
  });
  return {
    listen: () => new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server.address().port))),
    pull() { plugged = false; for (const socket of open) socket.destroy(); },
    plug() { plugged = true; },
    end() { this.pull(); server.close(); },
  };
}

async function documents(profile) {
  const { out, err } = await run(world, ['changes', 'lobby', '--profile', profile]);
  assert.equal(err, '');
  const all = {};
  for (const line of out.split('\n').filter(Boolean)) {
    const { id, doc, deleted } = JSON.parse(line);
    if (!deleted) all[id] = doc._rev;
  }
  return all;
}

/** The RGB pixels of a PNG file (8 bits a channel, as the host writes it) from a row on. */
function pixelsBelow(file, row) {
  const bytes = readFileSync(file);
  const width = bytes.readUInt32BE(16), height = bytes.readUInt32BE(20), stride = width * 3;
  const parts = [];
  for (let at = 8; at < bytes.length;) {
    const length = bytes.readUInt32BE(at);
    if (bytes.toString('latin1', at + 4, at + 8) === 'IDAT') parts.push(bytes.subarray(at + 8, at + 8 + length));
    at += 12 + length;
  }
  const raw = inflateSync(Buffer.concat(parts)), out = Buffer.alloc(stride * height);
  for (let y = 0; y < height; ++y) {
    const filter = raw[y * (stride + 1)];
    for (let i = 0; i < stride; ++i) {
      const left = i >= 3 ? out[y * stride + i - 3] : 0, up = y > 0 ? out[(y - 1) * stride + i] : 0;
      const corner = i >= 3 && y > 0 ? out[(y - 1) * stride + i - 3] : 0;
      const p = left + up - corner, [a, b, c] = [left, up, corner].map((near) => Math.abs(p - near));
      const paeth = a <= b && a <= c ? left : b <= c ? up : corner;
      out[y * stride + i] = raw[y * (stride + 1) + 1 + i] + [0, left, up, (left + up) >> 1, paeth][filter];
    }
  }
  return out.subarray(row * stride);
}

const share = () => JSON.parse(readFileSync(path.join(world.folder, 'atelier', 'share.json'), 'utf8'));

// One round of ten steps by one person; `n` makes each different.
async function round(host, name, n) {
  const x = 120 + (n * 37) % 500, y = 190 + (n * 53) % 250;
  await host.does('click "Whiteboard"', 'key P', `drag ${x} ${y} ${x + 40} ${y + 25} ${x + 90} ${y - 10}`);
  await host.does(n % 2 ? 'key R' : 'key O', `drag ${x + 10} ${y + 40} ${x + 80} ${y + 90}`);
  await host.does('click "Chat"', 'click "Message"', `type "${name} says ${n}\\n"`, `wait "${name} says ${n}"`);
  await host.does('click "Co-editing"', 'click "Text"', 'key Ctrl+End', `type "${name}${n} "`);
}

async function openAll(host) {
  await host.does('wait "Leave"', 'click "Add another view of this room"', 'click "Chat"', 'wait "Message"',
    'click "Add another view of this room"', 'click "Co-editing"', 'wait "New text"');
}

test('everyone has the same after cuts, and each draws the same board', { timeout: 200_000 }, async () => {
  const ann = open('ann');
  await openAll(ann);
  await ann.does('click "New text"', 'wait "Title"', 'type "Minutes\\n"', 'type "Begin. "');
  wire = cable();
  const port = await wire.listen();
  const bob = open('bob');
  const cara = open('cara', ['--sync', `http://127.0.0.1:${port}/lobby`]);
  await Promise.all([openAll(bob), openAll(cara)]);
  for (const host of [bob, cara]) await host.does('wait "Minutes" within 20s', 'click text "Minutes"', 'wait "Begin." within 20s');

  const page = await browser.newPage({ viewport: { width: 900, height: 640 } });
  const complaints = [];
  // A request that the server's end cut off is no complaint: PouchDB tries again.
  page.on('pageerror', (error) => { if (!/Failed to fetch/.test(error)) complaints.push(String(error)); });
  await page.goto(`${share().url}/_www/browser-board/?room=lobby`);
  await page.getByLabel('Your nickname').fill('Paula');
  await page.getByRole('button', { name: 'Enter' }).click();
  const draws = async (n) => {
    await page.mouse.move(200 + n * 20, 200);
    await page.mouse.down();
    await page.mouse.move(260 + n * 20, 300, { steps: 5 });
    await page.mouse.up();
  };

  await draws(0);
  await Promise.all([round(ann, 'ann', 1), round(bob, 'bob', 2), round(cara, 'cara', 3)]);
  await ann.does('click "People"', 'wait "Paula" within 10s', 'key Escape', 'wait gone "Paula"');
  wire.pull();
  await draws(1);
  await Promise.all([round(ann, 'ann', 4), round(bob, 'bob', 5), round(cara, 'cara', 6)]);

  await ann.does('wait "Saved" within 5s');
  await stop(ann, 'SIGKILL'); // she served
  await draws(2);
  await Promise.all([round(bob, 'bob', 7), round(cara, 'cara', 8)]);
  const again = open('ann');
  await again.does('wait "Leave"', 'click "Co-editing"', 'wait "Minutes"', 'click text "Minutes"', 'wait "Begin."');
  await Promise.all([round(again, 'ann', 9), round(bob, 'bob', 10), round(cara, 'cara', 11)]);
  wire.plug();
  await draws(3);
  await Promise.all([round(again, 'ann', 12), round(bob, 'bob', 13), round(cara, 'cara', 14)]);

  const profiles = ['ann', 'bob', 'cara'];
  let seen;
  await until(async () => {
    seen = await Promise.all(profiles.map(documents));
    const fromPage = await page.evaluate(async () => Object.fromEntries((await local.allDocs()).rows.map((row) => [row.id, row.value.rev])));
    seen.push(Object.fromEntries(Object.entries(fromPage).filter(([id]) => !id.startsWith('_'))));
    return seen.every((one) => JSON.stringify(Object.entries(one).sort()) === JSON.stringify(Object.entries(seen[0]).sort()));
  }, 'all four to have the same documents', 60_000).catch((error) => {
    const counts = seen.map((one) => Object.keys(one).length);
    throw new Error(`${error.message}: ${counts}`);
  });
  const ids = Object.keys(seen[0]);
  const count = (prefix) => ids.filter((id) => id.startsWith(prefix)).length;
  assert.equal(count('message:'), 14);
  assert.equal(count('board:'), 14 * 2 + 4);

  // Everyone's words are in everyone's text.
  for (const host of [again, bob, cara]) {
    await host.does('click "Co-editing"',
      ...['ann4', 'bob5', 'cara6', 'bob7', 'cara8', 'ann9', 'cara14'].map((word) => `wait "${word}" within 10s`));
  }
  await again.does(`screenshot "${picture('three-coedit')}"`, 'click "Chat"', `screenshot "${picture('three-chat')}"`,
    'click "Whiteboard"', 'key 1', `screenshot "${picture('three-board')}"`);
  await page.screenshot({ path: picture('three-page') });
  assert.deepEqual(complaints, []);

  await page.close();
  for (const host of [again, bob, cara]) await stop(host);
  // Each alone, under one name: below what says whom a room syncs with, all pixels are equal.
  const drawn = [];
  for (const profile of profiles) {
    const file = picture(`board-of-${profile}`);
    const { code, err } = await run(world, ['whiteboard', '--headless', '--profile', profile, '--nick', 'Same', '--room', 'lobby',
      '--script', '-'], `wait "Leave"\nclick "Whiteboard"\nclick "Fit"\nscreenshot "${file}"\nquit\n`);
    assert.equal(code, 0, err);
    drawn.push(pixelsBelow(file, 150));
  }
  assert.ok(new Set(drawn[0]).size > 3, 'the board is empty');
  assert.ok(drawn[0].equals(drawn[1]), 'the boards of ann and bob differ');
  assert.ok(drawn[0].equals(drawn[2]), 'the boards of ann and cara differ');
});
