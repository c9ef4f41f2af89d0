// The chat: everything is read from and written to the database in this browser. PouchDB keeps it in
// sync with the room's server, both ways, and catches up by itself after it was offline.
const room = new URLSearchParams(location.search).get('room') || 'lobby';
const local = new PouchDB('atelier-' + room);
const remote = new PouchDB(location.origin + '/' + encodeURIComponent(room), { skip_setup: true });

// `startkey` and `endkey` leave out what other plugins keep in the same room.
async function loadMessages () {
  const data = await local.allDocs({ include_docs: true, startkey: 'message:', endkey: 'message:\uffff' });
  const messages = data.rows.map(row => row.doc);
  return messages.sort((a, b) => a.timestamp - b.timestamp || (a._id < b._id ? -1 : 1));
}

function saveMessage (sender, text) {
  const timestamp = Date.now();
  return local.put({ _id: `message:${sender}-${timestamp}`, timestamp, sender, text });
}

// A room's title is any text; its database name is made of what CouchDB allows (docs/architecture.md).
function titleOf (database) {
  const inside = database.startsWith('x$$') ? database.slice(3) : database;
  try {
    return decodeURIComponent(inside.replace(/\$([0-9a-f]{2})/g, '%$1'));
  } catch {
    return database;
  }
}

Vue.createApp({
  data: () => ({ roomTitle: titleOf(room), nickname: '', draftName: '', messages: [], draft: '', status: 'connecting' }),
  computed: {
    statusWords () {
      return { connecting: 'Connecting', live: 'Live', offline: 'Offline: messages wait here' }[this.status];
    }
  },
  methods: {
    async load () {
      const list = this.$refs.list;
      const atEnd = !list || list.scrollHeight - list.scrollTop - list.clientHeight < 40;
      this.messages = await loadMessages();
      await Vue.nextTick();
      if (atEnd && this.$refs.list) this.$refs.list.scrollTop = this.$refs.list.scrollHeight;
    },
    enter () {
      this.nickname = this.draftName;
      Vue.nextTick(() => this.load());
    },
    async send () {
      const text = this.draft.trim();
      if (!text) return;
      this.draft = '';
      await saveMessage(this.nickname, text);
    },
    timeOf: message => new Date(message.timestamp).toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
  },
  created () {
    this.load();
    local.changes({ since: 'now', live: true }).on('change', () => this.load());
    local.sync(remote, { live: true, retry: true, heartbeat: 10000 })
      .on('active', () => { this.status = 'live'; })
      .on('paused', error => { this.status = error ? 'offline' : 'live'; })
      .on('error', () => { this.status = 'offline'; });
  }
}).mount('#app');
