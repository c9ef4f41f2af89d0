// Who is here and what they are doing now, over the server's WebSocket (docs/server.md, "Presence"). It
// connects again by itself; a server without it leaves the page alone with its documents.
class Presence {
  others = new Map(); // key -> { name, state }

  constructor (room, topic, changed) {
    Object.assign(this, { room, topic, changed, name: '', state: null, waiting: null, sentAt: 0 });
  }

  join (name) {
    this.name = name;
    this.connect(250);
  }

  connect (patience) {
    const address = `${location.origin.replace(/^http/, 'ws')}/${encodeURIComponent(this.room)}/_presence`;
    const socket = this.socket = new WebSocket(address);
    let wait = patience;
    socket.onopen = () => {
      wait = 250;
      this.send(true);
    };
    socket.onmessage = event => this.hear(JSON.parse(event.data));
    socket.onclose = () => {
      this.others.clear();
      this.changed();
      setTimeout(() => this.connect(Math.min(wait * 2, 5000)), wait);
    };
  }

  hear (message) {
    if (message.gone) this.others.delete(message.key);
    else if (message.key) {
      const known = message.whole ? null : this.others.get(message.key);
      const state = message.topics && this.topic in message.topics ? message.topics[this.topic] : known?.state;
      this.others.set(message.key, { name: message.name ?? known?.name ?? '', state: state ?? null });
    }
    this.changed();
  }

  // At most 30 a second, the last one always.
  show (state) {
    this.state = state;
    if (this.waiting) return;
    const pause = Math.max(0, this.sentAt + 34 - performance.now());
    this.waiting = setTimeout(() => {
      this.waiting = null;
      this.send(false);
    }, pause);
  }

  send (whole) {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    this.sentAt = performance.now();
    this.socket.send(JSON.stringify({ name: this.name, topics: { [this.topic]: this.state }, whole }));
  }
}
