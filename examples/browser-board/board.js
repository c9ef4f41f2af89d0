// The board: everything is read from and written to the database in this browser; PouchDB keeps it in sync with
// the room's server, both ways, and catches up by itself after it was offline.
const room = new URLSearchParams(location.search).get('room') || 'lobby';
const local = new PouchDB('atelier-' + room);
const remote = new PouchDB(location.origin + '/' + encodeURIComponent(room), { skip_setup: true });
const byId = id => document.getElementById(id);

const shapes = new Map(); // id -> document
let order = []; // shapes from the bottom to the top
let view = { x: 0, y: 0, zoom: 1 }; // the board's place at the upper left corner, pixels a unit
let tool = 'pen', colour = '#1e1e1e', width = 4, nickname = '';
let stroke = null; // { id, points } while the pen is down
let pan = null;

// --- Documents

function take (doc) {
  if (doc._deleted || !isShape(doc)) shapes.delete(doc._id);
  else shapes.set(doc._id, doc);
  order = null;
  redraw();
}

function sorted () {
  order ??= [...shapes.values()].sort((a, b) => a.z < b.z || (a.z === b.z && a._id < b._id) ? -1 : 1);
  return order;
}

async function load () {
  const data = await local.allDocs({ include_docs: true, startkey: 'board:', endkey: 'board;' });
  for (const row of data.rows) take(row.doc);
  local.changes({ since: data.update_seq ?? 'now', live: true, include_docs: true })
    .on('change', change => { if (change.id.startsWith('board:')) take(change.doc); });
}

function saveStroke ({ id, points }) {
  const box = boxOf(points);
  const scaleBits = Math.max(0, Math.min(12, 3 + Math.round(Math.log2(view.zoom))));
  const short = number => Math.round(number * 1000) / 1000;
  const top = sorted().at(-1);
  const doc = {
    _id: id, v: 1, kind: 'stroke', x: short(box.x), y: short(box.y), w: short(box.w), h: short(box.h), colour, width,
    points: encodePoints(points.map(p => [p[0] - box.x, p[1] - box.y]), scaleBits),
    z: orderAfter(top ? top.z : ''), author: nickname, created: Date.now()
  };
  take(doc);
  return local.put(doc);
}

function erase (x, y) {
  const reach = 6 / view.zoom;
  for (const shape of sorted().toReversed()) {
    if (!touches(shape, x, y, reach)) continue;
    shapes.delete(shape._id);
    order = null;
    local.get(shape._id).then(doc => local.remove(doc)).catch(() => {});
    return redraw();
  }
}

function touches (shape, x, y, reach) {
  const near = reach + (shape.width ?? 4) / 2;
  const inBox = x >= Math.min(shape.x, shape.x + shape.w) - near && x <= Math.max(shape.x, shape.x + shape.w) + near &&
    y >= Math.min(shape.y, shape.y + shape.h) - near && y <= Math.max(shape.y, shape.y + shape.h) + near;
  if (!inBox) return false;
  if (shape.kind !== 'stroke') return true;
  try {
    shape.ink ??= inkOf(shape);
  } catch {
    return false;
  }
  return shape.ink.some((p, i) => {
    const q = shape.ink[Math.max(0, i - 1)], dx = p[0] - q[0], dy = p[1] - q[1];
    const t = dx || dy ? Math.max(0, Math.min(1, ((x - q[0]) * dx + (y - q[1]) * dy) / (dx * dx + dy * dy))) : 0;
    return Math.hypot(q[0] + dx * t - x, q[1] + dy * t - y) <= near;
  });
}

// --- The screen

const canvas = byId('board'), g = canvas.getContext('2d');
let drawing = false;
function redraw () {
  if (drawing) return;
  drawing = true;
  requestAnimationFrame(() => {
    drawing = false;
    draw();
  });
}

function draw () {
  const density = devicePixelRatio, { clientWidth, clientHeight } = canvas;
  if (canvas.width !== clientWidth * density || canvas.height !== clientHeight * density) {
    canvas.width = clientWidth * density;
    canvas.height = clientHeight * density;
  }
  g.setTransform(1, 0, 0, 1, 0, 0);
  g.fillStyle = PAPER;
  g.fillRect(0, 0, canvas.width, canvas.height);
  const k = view.zoom * density;
  g.setTransform(k, 0, 0, k, -view.x * k, -view.y * k);
  for (const shape of sorted()) {
    try {
      drawShape(g, shape);
    } catch { /* points that cannot be read: kept, not shown */ }
  }
  for (const other of presence.others.values()) drawLive(other.state?.stroke);
  if (stroke) drawInk(g, stroke.points, colour, width);
  g.setTransform(density, 0, 0, density, 0, 0);
  for (const other of presence.others.values()) {
    if (!other.state || !Number.isFinite(other.state.x)) continue;
    drawPointer(g, (other.state.x - view.x) * view.zoom, (other.state.y - view.y) * view.zoom, other.name, colourOfName(other.name));
  }
  byId('hint').hidden = shapes.size > 0 || stroke !== null || !nickname;
}

// Others' strokes come in windows of points; a window's first point is number `from`.
const live = new Map(); // id -> points
function drawLive (told) {
  if (!told?.id || shapes.has(told.id) || told.from < 0) return live.delete(told?.id);
  const known = live.get(told.id) ?? [];
  try {
    known.splice(Math.max(0, Math.min(told.from, known.length)), Infinity, ...decodePoints(told.points));
  } catch {
    return false;
  }
  live.set(told.id, known);
  drawInk(g, known, colourOf(told.colour, INK), Number(told.width) || 4);
  return true;
}

function fit () {
  const all = [...shapes.values()];
  if (!all.length) view = { x: 0, y: 0, zoom: 1 };
  else {
    const corners = all.flatMap(s => [[s.x, s.y], [s.x + s.w, s.y + s.h]]), box = boxOf(corners);
    const zoom = Math.min(2, (canvas.clientWidth - 120) / Math.max(box.w, 1), (canvas.clientHeight - 220) / Math.max(box.h, 1));
    view = { zoom, x: box.x + box.w / 2 - canvas.clientWidth / 2 / zoom, y: box.y + box.h / 2 - canvas.clientHeight / 2 / zoom };
  }
  redraw();
}

// --- The hand

const placeOf = event => [view.x + event.offsetX / view.zoom, view.y + event.offsetY / view.zoom];

canvas.addEventListener('pointerdown', event => {
  canvas.setPointerCapture(event.pointerId);
  const [x, y] = placeOf(event);
  if (tool === 'hand' || event.button !== 0) pan = { x: event.offsetX, y: event.offsetY, view: { ...view } };
  else if (tool === 'eraser') erase(x, y);
  else stroke = { id: newId(), points: [[x, y, null]] };
  show(x, y);
});
canvas.addEventListener('pointermove', event => {
  const [x, y] = placeOf(event);
  if (pan) {
    view.x = pan.view.x - (event.offsetX - pan.x) / view.zoom;
    view.y = pan.view.y - (event.offsetY - pan.y) / view.zoom;
    redraw();
  } else if (tool === 'eraser' && event.buttons) erase(x, y);
  else if (stroke) {
    const last = stroke.points.at(-1);
    if (Math.hypot(x - last[0], y - last[1]) * view.zoom >= 1) stroke.points.push([x, y, null]);
    redraw();
  }
  show(x, y);
});
canvas.addEventListener('pointerup', event => {
  if (stroke) saveStroke(stroke);
  stroke = pan = null;
  show(...placeOf(event));
  redraw();
});
canvas.addEventListener('contextmenu', event => event.preventDefault());
canvas.addEventListener('wheel', event => {
  event.preventDefault();
  const [x, y] = placeOf(event), zoom = Math.max(0.05, Math.min(64, view.zoom * Math.exp(-event.deltaY * 0.0015)));
  view = { zoom, x: x - event.offsetX / zoom, y: y - event.offsetY / zoom };
  redraw();
}, { passive: false });
addEventListener('resize', redraw);
addEventListener('keydown', event => {
  if (event.target instanceof HTMLInputElement || event.ctrlKey || event.metaKey) return;
  const chosen = { p: 'pen', e: 'eraser', h: 'hand' }[event.key];
  if (chosen) choose(chosen);
  if (event.key === '1') fit();
});

// Made of the time, so that ids sort by it, as the window's are.
function newId () {
  const time = Math.floor((performance.timeOrigin + performance.now()) * 1000).toString(36).padStart(11, '0');
  const random = [...crypto.getRandomValues(new Uint8Array(11))].map(n => (n % 36).toString(36)).join('');
  return `board:${time}${random}`;
}

// --- Who is here

const presence = new Presence(room, 'board', () => {
  byId('people').replaceChildren(...[...presence.others.values()].map(other => {
    const badge = document.createElement('span');
    badge.textContent = other.name;
    badge.style.background = colourOfName(other.name);
    return badge;
  }));
  redraw();
});

function show (x, y) {
  const scaleBits = Math.max(0, Math.min(12, 3 + Math.round(Math.log2(view.zoom))));
  const from = stroke ? Math.max(0, stroke.points.length - 200) : 0;
  const told = stroke
    ? { id: stroke.id, from, colour, width, points: encodePoints(stroke.points.slice(from), scaleBits) }
    : { id: '', from: 0, colour, width, points: '' };
  presence.show({ x, y, tool, stroke: told });
}

function colourOfName (name) {
  let hash = 0;
  for (const letter of name) hash = (hash * 31 + letter.codePointAt(0)) % 360;
  return `hsl(${hash} 62% 38%)`;
}

// --- Tools and status

function press (buttons, isChosen) {
  for (const button of buttons) button.setAttribute('aria-pressed', isChosen(button));
}
function choose (name) {
  tool = name;
  canvas.style.cursor = { pen: 'crosshair', eraser: 'cell', hand: 'grab' }[tool];
  press(document.querySelectorAll('[data-tool]'), button => button.dataset.tool === tool);
}
function swatches (parent, values, label, style, pick) {
  const buttons = values.map(value => {
    const button = document.createElement('button');
    button.className = 'swatch';
    button.setAttribute('aria-label', label(value));
    button.title = label(value);
    button.style.setProperty('--swatch', style(value));
    button.onclick = () => {
      pick(value);
      press(buttons, one => one === button);
    };
    return button;
  });
  parent.replaceChildren(...buttons);
  buttons[values.length > 4 ? 0 : 1].click();
}

document.querySelectorAll('[data-tool]').forEach(button => { button.onclick = () => choose(button.dataset.tool); });
byId('fit').onclick = fit;
swatches(byId('colours'), ['#1e1e1e', '#e03131', '#f08c00', '#2f9e44', '#1971c2', '#9c36b5'], value => 'Colour ' + value,
  value => value, value => { colour = value; });
swatches(byId('widths'), [2, 4, 8, 16], value => 'Width ' + value,
  value => `radial-gradient(#2b2622 ${value * 0.8}px, #fff ${value * 0.8 + 1}px)`, value => { width = value; });
choose('pen');

byId('welcome').onsubmit = event => {
  event.preventDefault();
  nickname = byId('nickname').value.trim();
  if (!nickname) return;
  byId('welcome').hidden = true;
  presence.join(nickname);
  fit();
};

function say (state) {
  byId('status').className = state;
  byId('status').textContent = { connecting: 'Connecting', live: 'Live', offline: 'Offline: drawings wait here' }[state];
}

// A room's title is any text; its database name is made of what CouchDB allows (docs/architecture.md).
byId('title').textContent = decodeURIComponent(
  (room.startsWith('x$$') ? room.slice(3) : room).replace(/\$([0-9a-f]{2})/g, '%$1'));
load().then(redraw);
local.sync(remote, { live: true, retry: true, heartbeat: 10000 })
  .on('active', () => say('live'))
  .on('paused', error => say(error ? 'offline' : 'live'))
  .on('error', () => say('offline'));
