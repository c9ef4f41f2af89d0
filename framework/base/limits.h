// Every named limit, with its unit, its reason and who may change it. Nothing else limits anything.
// "Setting" means that an administrator may choose another value; all others are fixed by a format
// or a protocol.
#pragma once

#include <cstddef>
#include <cstdint>

namespace atelier {

// --- JSON and documents
inline constexpr int kJsonDepthMax = 400;  // deep enough for any document seen, shallow for a stack
inline constexpr std::size_t kDocumentBytesMax = 8'000'000;  // CouchDB's max_document_size
inline constexpr std::size_t kIdBytesMax = 7'168;            // Cloudant's limit
inline constexpr std::size_t kDatabaseNameBytesMax = 238;    // CouchDB's limit
inline constexpr std::size_t kRevisionBytesMax = 256;        // longer than any server's revision id
inline constexpr std::uint32_t kRevsLimitDefault = 1'000;    // CouchDB's default; setting per room
inline constexpr std::size_t kAttachmentNameBytesMax = 1'024;

// --- Selectors, rules, words
inline constexpr std::size_t kFieldPathBytesMax = 4'096;  // of a dotted field name; nobody writes longer
inline constexpr std::size_t kSelectorBytesMax = 1 << 20;  // an $in of some 20,000 ids
inline constexpr int kSelectorDepthMax = 64;         // of operators and names; they are evaluated by recursion
inline constexpr std::size_t kSelectorConditionsMax = 10'000;  // bounds the work a document costs
inline constexpr std::size_t kRulesBytesMax = 256 << 10;  // of one file or room document of rules
inline constexpr std::size_t kRulesPerPrefixMax = 1'000;  // fields; each is looked up at every write
inline constexpr std::size_t kWordBytesMax = 64;     // of a folded word; longer ones are known by their start
inline constexpr std::size_t kSearchWordsMax = 32;   // of one search; each is a walk through an index
inline constexpr std::size_t kRegexBytesMax = 4'096;    // of a pattern
inline constexpr std::int64_t kRegexMemoryBytes = 1 << 20;  // of one compiled pattern and its cache
// Smaller exponents are held there, so that arithmetic on them cannot overflow: numbers that far
// below what a double holds differ by their digits alone.
inline constexpr std::int64_t kNumberExponentMax = 1'000'000'000'000'000;

// --- Store
inline constexpr std::size_t kMapBytesDefault = std::size_t{64} << 30;  // address space, not disk
inline constexpr unsigned kReadersMax = 510;           // threads of one process that read at once
inline constexpr std::size_t kWriteQueueDocsMax = 20'000;     // back-pressure on writers
inline constexpr std::size_t kWriteQueueBytesMax = 64 << 20;  // same, by size
inline constexpr std::size_t kCommitDocsMax = 2'000;   // one group commit; bounds a caller's wait
inline constexpr std::size_t kCommitBytesMax = 8 << 20;  // same, by size: dirty pages are memory
inline constexpr std::size_t kMapBytesMin = std::size_t{1} << 30;  // below it a map is too small
inline constexpr std::size_t kIdleReadersMax = 32;     // read transactions kept for reuse
inline constexpr std::size_t kUnwrittenPagesMax = 16;  // counted by LMDB at the file's end, unwritten
inline constexpr std::size_t kFragmentBytes = 480;     // of an id in one key; LMDB's keys end at 511
inline constexpr std::size_t kBodyApartBytes = 1'024;  // larger bodies have a checksum of their own
inline constexpr std::size_t kBlobChunksQueuedMax = 4; // of one blob: 1 MB of memory
inline constexpr int kBlobUnreferencedMs = 60'000;     // grace between a blob and its document
inline constexpr std::size_t kLineagesMax = 1'000;     // starts of a store that sequences may be from
inline constexpr std::size_t kCompactDocsPerCommit = 1'000;  // bounds what others wait for
inline constexpr std::size_t kVerifyFindingsMax = 200;  // told in words; the rest is counted
inline constexpr std::uint64_t kCompactFreeShare = 4;   // a quarter of the file free is worth a copy
inline constexpr int kSnapshotAttemptsMax = 1'000;      // to read a head page before it is overwritten
inline constexpr std::size_t kChangesExaminedMax = 10'000;  // rows one read of the feed looks at
inline constexpr std::size_t kChangesBatchBytesMax = 4 << 20;  // ids that one read of the feed holds
inline constexpr std::size_t kChangesIdsMax = 50'000;  // looked up in one read; more are walked for
inline constexpr std::size_t kExpireDocsPerCommit = 500;  // bounds what others wait for
inline constexpr int kRetentionEveryMs = 60'000;  // rooms are looked through for what expired
inline constexpr std::int64_t kClockSkewMaxMs = 300'000;  // a clock further off deletes nothing: what
                                                          // NTP and a wrong zone's minutes stay below
inline constexpr std::int64_t kTimeMarkMs = 600'000;  // how exactly the age of a change is known
inline constexpr std::int64_t kTimeMax = (std::int64_t{1} << 53) - 1;  // ms; exact in every JSON reader
inline constexpr std::size_t kLifetimesMax = 1'000;  // prefixes with a lifetime; a setting names few
// Flat memory and few rows a blob. With the row's checksum and LMDB's page header, 64 pages exactly.
inline constexpr std::size_t kBlobChunkBytes = (256 << 10) - 20;

// --- Indexes
inline constexpr std::size_t kIndexNameBytesMax = 255;  // a name for people; no key holds it
inline constexpr std::size_t kIndexesMax = 100;   // of one store: each write asks each of them
inline constexpr std::size_t kIndexFieldsMax = 16;      // of one index
inline constexpr std::size_t kIndexBuildDocs = 1'000;   // of one step: bounds what others wait for
inline constexpr std::size_t kIndexBuildBytes = 1 << 20;     // same, by size of bodies
inline constexpr std::size_t kIndexBuildChanges = 20'000;    // same, of changes that are passed over
inline constexpr std::size_t kIndexDropRows = 5'000;    // taken away in one step
// Of a row of words, key and value: two to a page of LMDB's, none on pages of its own.
inline constexpr std::size_t kWordRowBytes = 2'028;
inline constexpr std::size_t kSegmentFan = 8;  // so many segments of a size become one: an index of a
                                               // million messages has twenty, each posting moves 4 times
inline constexpr std::size_t kSegmentSmallBytes = 16 << 10;  // smaller ones join in the commit that
                                                             // writes them; sizes go by powers of 8
inline constexpr std::size_t kSegmentsJoinedMax = 64;        // at once, where more were left waiting
inline constexpr std::size_t kSegmentStepBytes = 1 << 20;    // joined in one step: 20 ms or so
// Buckets within buckets of one value's key: the largest document, each byte of it escaped.
inline constexpr std::size_t kValueLevelsMax = 2 * kDocumentBytesMax / kFragmentBytes + 64;
inline constexpr std::size_t kFindKeysPerTxn = 10'000;   // then a long query begins a new one
inline constexpr std::size_t kFindDocsPerTxn = 2'000;    // same, of documents whose bodies are asked
inline constexpr std::size_t kFindPageRows = 256;        // copied out of one transaction
inline constexpr std::size_t kFindPageBytes = 4 << 20;   // same, by size
inline constexpr std::size_t kSearchStepsPerTxn = 100'000;  // hits tried; then a new transaction
inline constexpr std::size_t kSearchLimitMax = 10'000;      // hits of one answer, with their bodies
inline constexpr std::size_t kSearchMergedWords = 2'000;  // of one beginning, read side by side; with
                                                        // more the documents themselves are asked
inline constexpr std::size_t kSearchRankedMax = 20'000;   // of those, ranked by relevance: the newest
inline constexpr std::size_t kHighlightsMax = 1'000;        // of one hit

// --- Replication
inline constexpr std::size_t kBatchDocsMax = 500;             // rows of one changes page
inline constexpr std::size_t kBatchBytesMax = 4 << 20;        // bytes of one _bulk_docs
inline constexpr int kStepMsMax = 1'000;  // what a page may take from end to end before pages shrink:
                                          // progress is seen, and little is done again after a cut
inline constexpr int kRetryFirstMs = 250;                     // first wait after a failure
inline constexpr int kRetryMaxMs = 30'000;                    // ceiling of the back-off
inline constexpr int kLongPollMs = 50'000;   // some proxies cut a silent request at 60 s
inline constexpr int kConnectTimeoutMs = 5'000;
inline constexpr int kReadTimeoutMs = 70'000;  // above every long poll: the idle watchdog
inline constexpr int kCheckpointEveryMs = 5'000;  // at most one checkpoint write in that time
inline constexpr std::size_t kCheckpointHistoryMax = 50;  // CouchDB's number of sessions kept
inline constexpr int kRetryAuthMs = 300'000;  // CouchDB locks a user out after five wrong tries in 5 min
inline constexpr int kSleepSliceMs = 200;     // how soon a waiting thread sees a wake-up or a new edit
inline constexpr int kWatchMs = 500;          // how often sleep is looked for
inline constexpr int kNetworkCheckMs = 2'000;  // how often another network is looked for
inline constexpr int kClockJumpMs = 5'000;    // wall clock ahead of the monotonic one: we slept
inline constexpr int kPeerChangesMax = 8;     // restarts in a row without a wait
inline constexpr std::size_t kFirstPageDocs = 100;    // pages grow from here when they prove small
inline constexpr std::size_t kDirectWriteDocsMax = 20;  // live first revisions sent unasked
inline constexpr std::size_t kEchoRevisionsMax = 50'000;  // remembered as known to the remote; 2 MB
inline constexpr std::size_t kWaitingCountMax = 10'000;   // beyond it "waiting" is a lower bound
inline constexpr std::size_t kWindowPageDocs = 1'000;  // looked at in one read for what a device keeps
inline constexpr int kWindowEveryMs = 60'000;  // how often what is outside of a window is let go
inline constexpr std::int64_t kNoticeMs = 86'400'000;  // a notice is shown for a day
inline constexpr std::size_t kOutboxMax = 10'000;         // refused documents listed, by id

// --- HTTP as a client
inline constexpr std::size_t kReplyBytesMax = std::size_t{256} << 20;  // one answer in memory
inline constexpr std::size_t kInlineAttachmentBytesMax = 64 << 10;  // above: streamed, one request a document
inline constexpr std::size_t kInflatedBytesMax = 64 << 20;  // of an attachment unpacked in memory
inline constexpr int kLongPollGraceMs = 20'000;  // a long poll may be answered so late
inline constexpr int kPacedRequestsMax = 500;  // a second; a server that takes so many needs no pace
inline constexpr int kTokenRenewEarlyMs = 300'000;  // before a token ends: clocks differ
inline constexpr int kTokenTimeoutMs = 20'000;      // for whoever exchanges a key for a token
inline constexpr int kSessionYoungMs = 60'000;  // a session refused so soon did not expire
inline constexpr int kKeepAliveIdleS = 10;       // TCP probes find a dead machine in about 25 s
inline constexpr int kKeepAliveIntervalS = 5;
inline constexpr int kKeepAliveProbes = 3;

// --- Server
inline constexpr std::size_t kRequestHeaderBytesMax = 32 << 10;  // long keys= queries; bounds memory
inline constexpr std::size_t kRequestBodyBytesMax = 64 << 20;  // Cloudant's request limit; setting
inline constexpr std::size_t kAttachmentBytesMax = std::size_t{1} << 30;  // streamed; setting
inline constexpr std::size_t kBodiesBytesMax = 512 << 20;  // of all requests being read at once
inline constexpr std::size_t kDrainBytesMax = 16 << 20;  // of a refused body, so that the client
                                                         // reads the answer instead of a reset
inline constexpr std::size_t kReadChunkBytes = 64 << 10;   // one read of a socket
inline constexpr std::size_t kReplySliceBytes = 64 << 10;  // what one turn of the server's thread
                                                           // puts into a long answer
inline constexpr std::size_t kReplySliceRows = 1'000;      // same, in rows
inline constexpr std::size_t kParseInlineBytesMax = 256 << 10;  // larger bodies are parsed on a
                                                               // thread of their own
inline constexpr std::size_t kConnectionsMax = 18'000;     // below a usual limit of 20,000 files
inline constexpr std::size_t kFeedsMax = 16'000;   // leaves connections for ordinary requests
inline constexpr std::size_t kFeedCacheChunks = 64;  // chunks shared by feeds, a database
inline constexpr std::size_t kFeedCacheBytesMax = 4 << 20;  // same, in bytes
inline constexpr std::size_t kPendingCountMax = 10'000;  // rows counted for `pending` exactly
inline constexpr std::size_t kUuidsMax = 1'000;          // CouchDB's max_count
inline constexpr int kRequestHeadTimeoutMs = 10'000;  // from the first byte to the end of the head
inline constexpr int kKeepAliveIdleMs = 75'000;       // longer than clients keep idle connections
inline constexpr int kBodyStallTimeoutMs = 30'000;    // no byte of a request body for that long
inline constexpr int kReplyStallTimeoutMs = 30'000;   // a reader that takes nothing is cut
inline constexpr int kFeedTimeoutDefaultMs = 60'000;  // CouchDB's changes_timeout
inline constexpr int kFeedHeartbeatDefaultMs = 60'000;  // of heartbeat=true, as CouchDB
inline constexpr int kFeedHeartbeatMinMs = 100;  // below it a heartbeat is work without use
inline constexpr int kLingerMs = 2'000;          // a refused body is thrown away for that long
inline constexpr int kServerStopMs = 2'000;      // running requests finish within
inline constexpr int kPartingMs = 1'000;         // a follower of a feed is between two requests for less
inline constexpr int kPartingChunksMax = 16;     // that a feed still gives; some 2,000 documents
inline constexpr int kBackgroundThreads = 3;     // of work that waits: small writes, blobs, files
inline constexpr int kAcceptRetryMs = 100;       // after the process ran out of file descriptors
inline constexpr int kSessionSeconds = 600;      // CouchDB's session timeout
inline constexpr int kSessionGraceSeconds = 10;  // a renewed cookie's predecessor, for requests on their way
inline constexpr std::size_t kSessionsMax = 100'000;     // some 20 MB
inline constexpr std::size_t kSessionTokenBytes = 32;    // of randomness
inline constexpr std::size_t kSessionCookieBytesMin = 16;  // below it a cookie is no session of anybody's
inline constexpr int kLockoutFailures = 5;         // wrong passwords of one name from one address; CouchDB's
inline constexpr int kLockoutSeconds = 300;        // afterwards nobody is listened to; CouchDB's
inline constexpr std::size_t kLockoutEntriesMax = 100'000;   // names and addresses remembered
inline constexpr std::size_t kKnownPasswordsMax = 10'000;    // digests of passwords found right, some 2 MB
inline constexpr std::size_t kPasswordBytesMax = 1'024;      // hashing takes time with the length
inline constexpr std::int64_t kPbkdf2IterationsMax = 5'000'000;  // CouchDB's own is 600,000; some seconds
inline constexpr std::size_t kDerivedKeyBytesMin = 16;       // a shorter one could be guessed
inline constexpr std::size_t kProbeNonceBytesMax = 256;  // of /_atelier/probe
inline constexpr std::size_t kMultipartHeaderBytesMax = 8 << 10;  // of one part
inline constexpr std::uint64_t kFindLimitDefault = 25;           // documents of one _find; CouchDB's
inline constexpr std::size_t kFindBytesMax = 64 << 20;  // of one answer of _find, which is made in memory
inline constexpr std::size_t kPackedReplyBytesMin = 1'400;  // below it gzip saves no packet
inline constexpr int kReplyGzipLevel = 1;  // answers are packed on the server's thread: fast before small
inline constexpr int kBytesAwayRetrySeconds = 30;  // for bytes that somebody must bring here first
inline constexpr std::size_t kRangesMax = 16;  // of one Range header; more are answered as a whole

// --- Room and plugins
inline constexpr std::size_t kPumpPageRows = 256;       // changes read at once; a fraction of a pump's time
inline constexpr std::size_t kRoomScanRows = 1'000;     // documents copied out of one read transaction
inline constexpr std::size_t kRoomWritesRunningMax = 1'000;  // far below the store's queue: no wait
inline constexpr int kRoomWriteConflictsMax = 10;       // times an edit is made again before it is given up
inline constexpr int kRoomWriteRetryMs = 1'000;         // after a full or failing disk
inline constexpr int kRoomSendMs = 1'000;               // what is sent before a room closes, may take
inline constexpr int kRoomFlushMs = 2'000;              // what closing a room or a plugin may take
inline constexpr std::size_t kRoomProblemsMax = 1'000;  // listed for a person; the oldest go
inline constexpr std::size_t kStampNodeBytesMax = 16;   // twice a node id of ours (merge_fields.h)
inline constexpr std::size_t kPluginRecordBytesMax = 4'096;  // a few short lines
inline constexpr std::uint64_t kPluginFileBytesMax = std::uint64_t{512} << 20;  // with debug information
inline constexpr std::size_t kPluginSectionsMax = 65'279;    // ELF's SHN_LORESERVE - 1
inline constexpr std::size_t kPluginErrorBytes = 1'024;      // what a plugin may say of its failure

// --- Texts that several people edit
inline constexpr std::size_t kTextBytesMax = std::size_t{256} << 20;  // far above what an editor shows
inline constexpr std::uint32_t kTextOperationsMax = 1U << 30;  // the tracker's ids have 31 bits
inline constexpr std::uint32_t kTextBatchOperationsMax = 8U << 20;  // of one batch, before its bytes are
                                                                    // believed
inline constexpr std::size_t kTextBatchBytesMax = 4 << 20;  // refused above: fits a document as base64
inline constexpr std::size_t kTextBatchContentBytes = 256 << 10;  // written: far below Cloudant's 1 MB
inline constexpr std::size_t kTextAgentBytesMax = 64;     // four times an agent id of ours
inline constexpr std::size_t kTextParentsMax = 1'024;     // of one operation: people who wrote at once
inline constexpr std::size_t kTextWaitingBatchesMax = 4'096;       // whose parents have not come
inline constexpr std::size_t kTextWaitingBytesMax = 64 << 20;      // same, by size
inline constexpr std::size_t kTextCycleStepsMax = 1'000;  // waiting batches looked at for one that waits
                                                          // for itself
inline constexpr std::uint32_t kTextTrackerIdleOperations = 10'000;  // then what merging needed is let go
inline constexpr std::size_t kTextUndoGroupsMax = 1'000;  // more than anybody takes back
inline constexpr std::size_t kTextKeyBytesMax = 128;      // leaves room for agent and range in an id
inline constexpr int kTextWriteMs = 1'000;  // from a keystroke to its document; 2 s to disk is promised
inline constexpr int kTextWriteAloneMs = 150;  // same, where documents alone carry it to others
inline constexpr int kTextForeignWriteMs = 3'000;  // then what others showed and did not write is written
inline constexpr int kTextForeignSpreadMs = 2'000;  // at different times, so that one of many does it
inline constexpr int kTextWriteAgainMs = 10'000;    // after a document could not be written
inline constexpr std::size_t kTextUnheldBytesMax = 8 << 10;  // written at once beyond it
inline constexpr std::size_t kTextTailBytesMax = 3 << 10;    // shown to others before it is written
inline constexpr std::size_t kTextCaretTipsMax = 16;  // of a caret's version; more people rarely meet
inline constexpr int kTextRescanMs = 5'000;           // after more batches waited than may
inline constexpr std::size_t kTextSnapshotBatches = 256;  // more documents than that are not opened one
                                                          // by one twice
inline constexpr int kTextIdleMs = 3'000;                 // without an edit, before a snapshot is made
inline constexpr std::size_t kTextSnapshotBytesMax = 32 << 20;  // larger texts are opened from documents
inline constexpr int kTextCaretCostFactor = 20;  // placing others' carets takes a twentieth of the time

// --- Presence: cursors, carets, strokes in progress
inline constexpr int kPresencePerSecondMax = 30;  // states of one person; smooth to the eye
inline constexpr int kPresenceBurst = 5;  // states told at once after a pause: even what a network bunched
inline constexpr int kPresenceFramesPerSecondMax = 120;  // read of one client; more waits in its socket
inline constexpr std::size_t kPresenceStateBytesMax = 16 << 10;  // of one person: a long stroke in progress
inline constexpr std::size_t kPresenceFrameBytesMax = 64 << 10;  // a whole state with its topics' names
inline constexpr std::size_t kPresenceTopicsMax = 32;        // of one person: more than tabs and texts open
inline constexpr std::size_t kPresenceTopicBytesMax = 512;   // a prefix and a key of some length
inline constexpr std::size_t kPresencePeopleMax = 500;       // of one room; each state goes to all others
inline constexpr std::size_t kPresenceResumeBytesMax = 64;   // twice a random number in hex
// Somebody whose machine or network died is gone for the others within these three, at most 10 s.
inline constexpr int kPresenceSilenceMs = 8'000;        // the server cuts a client; pings at half of it; setting
inline constexpr int kPresenceClientSilenceMs = 6'000;  // a client leaves a server; pings at a third of it
inline constexpr int kPresenceKeepMs = 3'000;     // others are still shown while another host takes over
inline constexpr int kPresenceRetryFirstMs = 250;  // first wait of a client after a lost connection
inline constexpr int kPresenceRetryMaxMs = 5'000;  // ceiling of the back-off
inline constexpr int kPresenceUnsupportedRetryMs = 60'000;  // a server that knows no presence may be renewed
inline constexpr int kPresenceCloseMs = 1'000;       // for the closing handshake
inline constexpr int kPresenceLeaveMs = 500;  // what closing a room may wait for the connection's end

// --- Screen
inline constexpr std::size_t kTextLayoutBytesMax = 32 << 10;  // of one text; shaping stays under a frame
inline constexpr std::size_t kTextLayoutsCachedMax = 2'000;   // some screens of different texts
inline constexpr std::size_t kEditorBlockPointsMax = 4'096;   // of a line laid out at once: 1 ms or so
inline constexpr std::size_t kEditorLayoutsMax = 400;         // kept by one editor: some screens
inline constexpr std::size_t kEditorSearchPoints = 256 << 10; // searched in one frame: 2 ms or so
inline constexpr int kFieldForgottenFrames = 600;  // not drawn for so long, a field loses its undo
inline constexpr int kEditorBlinkMs = 530;         // half a period of the caret
inline constexpr int kEditorBlinkForMs = 10'000;   // then it stands still: an idle window draws nothing
inline constexpr int kEditorFlagMs = 3'000;        // another person's name after the caret moved
inline constexpr int kEditorUndoPauseMs = 1'000;   // what is typed after such a pause is another step
inline constexpr std::size_t kGlyphsCachedMax = 20'000;       // fills about half of a 4096² texture
inline constexpr int kWindowWidthMin = 640;                   // all screens are right at this size
inline constexpr int kWindowHeightMin = 480;
inline constexpr int kFramesAfterEvent = 3;     // ImGui settles hover, focus and sizes in that many
inline constexpr int kToastMs = 6'000;          // long enough to read two lines
inline constexpr int kScriptStepMsMax = 10'000;  // a step of a script that did not come true fails
inline constexpr int kTextureSideMax = 4'096;         // pixels; what every graphics card takes
inline constexpr float kPaintedEmMax = 400;           // pixels; larger letters are these, enlarged
inline constexpr std::size_t kPaintedGlyphBytesMax = 8 << 20;  // cached pictures of letters
inline constexpr std::size_t kFolderEntriesMax = 5'000;  // listed in a file dialog
inline constexpr std::size_t kNicknameBytesMax = 200;   // some 50 characters of any script
inline constexpr std::size_t kRoomTitleBytesMax = 230;  // a database name must hold it

}  // namespace atelier
