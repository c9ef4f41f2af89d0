// A stroke's points as text, and a shape's place in the order (docs/formats/whiteboard.md). Pure functions.
const DIGITS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
const ORDER_DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

// To [[x, y, pressure]…]; pressure is null where no pen told it. Throws what cannot be read.
function decodePoints (text) {
  if (typeof text !== 'string' || !/^1[0-9A-C][0-3][A-Za-z0-9_-]+$/.test(text)) throw new Error('no points');
  const step = 2 ** -parseInt(text[1], 36), mode = +text[2], out = [];
  const at = [0, 0], by = [0, 0];
  for (let i = 3; i < text.length;) {
    for (const axis of [0, 1]) {
      let n = 0, scale = 1, digit;
      do {
        if (i >= text.length) throw new Error('points end in the middle');
        digit = DIGITS.indexOf(text[i++]);
        n += (digit & 31) * scale;
        scale *= 32;
      } while (digit >= 32);
      n = n % 2 ? -(n + 1) / 2 : n / 2;
      by[axis] = mode & 2 ? by[axis] + n : n;
      at[axis] += by[axis];
    }
    out.push([at[0] * step, at[1] * step, mode & 1 ? DIGITS.indexOf(text[i++]) / 63 : null]);
  }
  return out;
}

function encodePoints (points, scaleBits) {
  let text = '1' + scaleBits.toString(36).toUpperCase() + '0';
  const at = [0, 0];
  for (const point of points) {
    for (const axis of [0, 1]) {
      const to = Math.round(point[axis] * 2 ** scaleBits), by = to - at[axis];
      at[axis] = to;
      let n = by < 0 ? -2 * by - 1 : 2 * by;
      do {
        const low = n % 32;
        n = Math.floor(n / 32);
        text += DIGITS[n > 0 ? 32 + low : low];
      } while (n > 0);
    }
  }
  return text;
}

function boxOf (points) {
  const xs = points.map(p => p[0]), ys = points.map(p => p[1]);
  const x = Math.min(...xs), y = Math.min(...ys);
  return { x, y, w: Math.max(...xs) - x, h: Math.max(...ys) - y };
}

// A stroke's points where they lie on the board: their own box is stretched into the shape's.
function inkOf (shape) {
  const points = decodePoints(shape.points), from = boxOf(points);
  const sx = from.w > 0 ? shape.w / from.w : 1, sy = from.h > 0 ? shape.h / from.h : 1;
  return points.map(p => [shape.x + (p[0] - from.x) * sx, shape.y + (p[1] - from.y) * sy, p[2]]);
}

// Above everything up to `order`: six digits counted up by a random step, so that two people who draw at once
// seldom meet and the text stays short for millions of shapes.
function orderAfter (order) {
  const digits = 6;
  let value = 0;
  for (let i = 0; i < digits; ++i) value = value * 62 + Math.max(0, ORDER_DIGITS.indexOf(order[i] ?? (order ? '0' : 'V')));
  value += 1 + Math.floor(Math.random() * 1000);
  if (value % 62 === 0) value += 1;
  if (value >= 62 ** digits) return order + 'V';
  let text = '';
  for (let i = 0; i < digits; ++i, value = Math.floor(value / 62)) text = ORDER_DIGITS[value % 62] + text;
  return text;
}

// What the page can draw; the rest is kept and not shown.
function isShape (doc) {
  const kinds = ['stroke', 'line', 'arrow', 'rectangle', 'ellipse', 'text', 'note'];
  return doc.v === 1 && kinds.includes(doc.kind) && typeof doc.z === 'string' &&
    [doc.x, doc.y, doc.w, doc.h].every(n => Number.isFinite(n) && Math.abs(n) <= 1e7);
}
