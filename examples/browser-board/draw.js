// Shapes on a canvas. Pure but for the context that is drawn into.
const PAPER = '#ffffff', INK = '#1e1e1e', NOTE = '#ffec99';

// The width of a pen's line at each point: measured pressure, or what follows from the speed (the method of
// perfect-freehand, as the window's whiteboard has it).
function ribsOf (points, width) {
  const line = [];
  points.forEach((p, i) => {
    const last = line[line.length - 1];
    const follow = 0.575, end = i === points.length - 1;
    const at = last && !end ? [last[0] + (p[0] - last[0]) * follow, last[1] + (p[1] - last[1]) * follow, p[2]] : p;
    if (!last || Math.hypot(at[0] - last[0], at[1] - last[1]) > width * 0.01) line.push(at);
  });
  let pressure = 0.25;
  const simulate = (before, step) => {
    const speed = Math.min(1, step / width);
    return Math.min(1, before + (1 - speed - before) * (speed * 0.275));
  };
  const step = i => Math.hypot(line[i][0] - line[i - 1][0], line[i][1] - line[i - 1][1]);
  for (let i = 1; i < Math.min(line.length, 10); ++i) pressure = (pressure + simulate(pressure, step(i))) / 2;
  return line.map((p, i) => {
    if (p[2] !== null) pressure = p[2];
    else if (i > 0) pressure = simulate(pressure, step(i));
    return { x: p[0], y: p[1], r: Math.max(0.01, width * (0.5 - 0.5 * (0.5 - pressure))) };
  });
}

function drawInk (g, points, colour, width) {
  const ribs = ribsOf(points, width);
  g.strokeStyle = g.fillStyle = colour;
  g.lineCap = 'round';
  if (ribs.length === 1) {
    g.beginPath();
    g.arc(ribs[0].x, ribs[0].y, width / 2, 0, 7);
    g.fill();
  }
  for (let i = 1; i < ribs.length; ++i) {
    g.lineWidth = ribs[i - 1].r + ribs[i].r;
    g.beginPath();
    g.moveTo(ribs[i - 1].x, ribs[i - 1].y);
    g.lineTo(ribs[i].x, ribs[i].y);
    g.stroke();
  }
}

function drawArrow (g, shape, width) {
  const length = Math.hypot(shape.w, shape.h), head = Math.min(length, 10 + width * 3);
  const ux = length ? shape.w / length : 1, uy = length ? shape.h / length : 0;
  const tip = [shape.x + shape.w, shape.y + shape.h], neck = [tip[0] - ux * head, tip[1] - uy * head];
  g.beginPath();
  g.moveTo(shape.x, shape.y);
  g.lineTo(...neck);
  g.stroke();
  g.beginPath();
  g.moveTo(...tip);
  g.lineTo(neck[0] - uy * head * 0.45, neck[1] + ux * head * 0.45);
  g.lineTo(neck[0] + uy * head * 0.45, neck[1] - ux * head * 0.45);
  g.fill();
}

// Lines of at most `width` (0: only "\n" breaks).
function wrapped (g, text, width) {
  const lines = [];
  for (const paragraph of text.split('\n')) {
    let line = '';
    for (const word of paragraph.split(/(?<=\s)/)) {
      if (width > 0 && line && g.measureText(line + word).width > width) {
        lines.push(line);
        line = '';
      }
      line += word;
    }
    lines.push(line);
  }
  return lines;
}

function drawWords (g, shape, x, y, width, height) {
  let size = shape.size ?? 20, lines;
  for (; ; size *= 0.9) { // a note's letters shrink to fit
    g.font = `${size}px "Noto Sans", sans-serif`;
    lines = wrapped(g, String(shape.text ?? ''), width);
    if (!height || lines.length * size * 1.25 <= height || size < 4) break;
  }
  g.fillStyle = colourOf(shape.colour, INK);
  lines.forEach((line, i) => g.fillText(line, x, y + size * (1.0 + 1.25 * i)));
}

const colourOf = (text, otherwise) => text === 'none' ? 'transparent' : text ?? otherwise;

// Throws where a stroke's points cannot be read.
function drawShape (g, shape) {
  const width = shape.width ?? 4;
  g.save();
  if (shape.rotation) {
    const cx = shape.x + shape.w / 2, cy = shape.y + shape.h / 2;
    g.translate(cx, cy);
    g.rotate(shape.rotation * Math.PI / 180);
    g.translate(-cx, -cy);
  }
  g.strokeStyle = g.fillStyle = colourOf(shape.colour, INK);
  g.lineWidth = width;
  g.lineCap = g.lineJoin = 'round';
  if (shape.kind === 'stroke') {
    shape.ink ??= inkOf(shape);
    drawInk(g, shape.ink, colourOf(shape.colour, INK), width);
  } else if (shape.kind === 'arrow') {
    drawArrow(g, shape, width);
  } else if (shape.kind === 'line') {
    g.beginPath();
    g.moveTo(shape.x, shape.y);
    g.lineTo(shape.x + shape.w, shape.y + shape.h);
    g.stroke();
  } else if (shape.kind === 'rectangle' || shape.kind === 'ellipse') {
    g.beginPath();
    if (shape.kind === 'rectangle') g.rect(shape.x, shape.y, shape.w, shape.h);
    else g.ellipse(shape.x + shape.w / 2, shape.y + shape.h / 2, Math.abs(shape.w / 2), Math.abs(shape.h / 2), 0, 0, 7);
    if (shape.fill) {
      g.fillStyle = colourOf(shape.fill, 'transparent');
      g.fill();
    }
    if (width > 0) g.stroke();
  } else if (shape.kind === 'note') {
    g.fillStyle = colourOf(shape.fill, NOTE);
    g.beginPath();
    g.roundRect(shape.x, shape.y, shape.w, shape.h, 4);
    g.fill();
    drawWords(g, shape, shape.x + 12, shape.y + 12, shape.w - 24, shape.h - 24);
  } else {
    drawWords(g, shape, shape.x, shape.y, shape.w, 0);
  }
  g.restore();
}

function drawPointer (g, x, y, name, colour) {
  g.fillStyle = colour;
  g.strokeStyle = '#fff';
  g.lineWidth = 1.5;
  g.beginPath();
  g.moveTo(x, y);
  g.lineTo(x, y + 16);
  g.lineTo(x + 4.6, y + 11.6);
  g.lineTo(x + 11.5, y + 11.2);
  g.closePath();
  g.fill();
  g.stroke();
  g.font = '600 13px system-ui, sans-serif';
  const width = g.measureText(name).width;
  g.beginPath();
  g.roundRect(x + 12, y + 16, width + 14, 21, 8);
  g.fill();
  g.fillStyle = '#fff';
  g.fillText(name, x + 19, y + 31);
}
