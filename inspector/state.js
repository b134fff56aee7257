// The page's state: what is known of the issues, which view is open, and how the connection is. One store, one place.

import { createStore } from '@xstate/store'

const keptFeed = 200
const keptTimeline = 300

export const firstState = {
  /** `{ name: 'board' }`, `{ name: 'issue', key }` or `{ name: 'login', message }`. */
  view: { name: 'board' },
  /** 'connecting', 'live' or 'lost'. */
  connection: 'connecting',
  /** Machine definitions by id. */
  machines: {},
  /** Issue documents by their immutable id. */
  documents: new Map(),
  /** Whether the board has been read once. */
  isLoaded: false,
  /** Why the board could not be read the last time. */
  boardRefusal: null,
  /** Phases of which only the first page was read. */
  partial: new Set(),
  feed: [],
  /** The open issue; `id` is null until it has been read. */
  issue: null,
  filter: { text: '', party: null },
}

export function createState() {
  return createStore({
    context: firstState,
    on: {
      routed: (state, event) => ({
        ...state,
        view: event.view,
        issue: isSameIssue(state.view, event.view) ? state.issue : firstIssue(event.view),
      }),
      connectionChanged: (state, event) => (state.connection === event.connection ? state : { ...state, connection: event.connection }),
      machineArrived: (state, event) => ({ ...state, machines: { ...state.machines, [event.machine.id]: event.machine } }),
      documentsArrived: (state, event) => {
        const documents = new Map(state.documents)
        for (const document of event.documents) {
          const known = documents.get(document.id)
          // What was asked for may be older than what was told meanwhile.
          if (known === undefined || document.version >= known.version) documents.set(document.id, document)
        }
        return { ...state, documents }
      },
      boardLoaded: (state, event) => ({ ...state, isLoaded: true, boardRefusal: null, partial: new Set(event.partial) }),
      boardRefused: (state, event) => ({ ...state, boardRefusal: event.refusal }),
      feedArrived: (state, event) => ({ ...state, feed: merge(state.feed, event.entries, keptFeed) }),
      issueArrived: (state, event) => ({ ...state, issue: { ...state.issue, id: event.id, refusal: null } }),
      issueRefused: (state, event) => ({ ...state, issue: { ...state.issue, refusal: event.refusal } }),
      explained: (state, event) => (state.issue === null ? state : { ...state, issue: { ...state.issue, explanation: event.explanation } }),
      timelineArrived: (state, event) =>
        state.issue === null
          ? state
          : { ...state, issue: { ...state.issue, timeline: merge(state.issue.timeline, event.entries, keptTimeline) } },
      filtered: (state, event) => ({ ...state, filter: { ...state.filter, ...event.filter } }),
    },
  })
}

function firstIssue(view) {
  return view.name === 'issue' ? { id: null, explanation: null, timeline: [], refusal: null } : null
}

/** The view that an address names. */
export function viewOf(hash) {
  const [, name, key] = /^#\/(issues)\/([^/]+)$/.exec(hash) ?? []
  return name === undefined ? { name: 'board' } : { name: 'issue', key: decodeURIComponent(key) }
}

/** The address of an issue's view; with its project where two share the key. */
export function addressOf(document, documents) {
  const isShared = [...documents.values()].some((other) => other.key === document.key && other.id !== document.id)
  return `#/issues/${encodeURIComponent(isShared ? `${document.project}/${document.key}` : document.key)}`
}

function isSameIssue(before, after) {
  return before.name === 'issue' && after.name === 'issue' && before.key === after.key
}

/** Entries by sequence number and type, each once, the newest `count` of them. */
function merge(known, entries, count) {
  const all = new Map(known.map((entry) => [identity(entry), entry]))
  for (const entry of entries) all.set(identity(entry), entry)
  return [...all.values()].toSorted((a, b) => a.seq - b.seq).slice(-count)
}

function identity(entry) {
  return `${entry.seq} ${entry.kind ?? entry.event?.type ?? ''} ${entry.address ?? entry.issue ?? ''}`
}
