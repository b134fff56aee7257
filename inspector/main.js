// Starts the page: state, connection, views. Views draw; this file decides what is read and when.

import { ask, pathOf, Refusal } from './api.js'
import { createBoard } from './board.js'
import { element, refreshTimes } from './element.js'
import { createIssue } from './issue.js'
import { phasesOf } from './lifecycle.js'
import { createLive } from './live.js'
import { createLogin } from './login.js'
import { createState, viewOf } from './state.js'

const state = createState()
const main = document.querySelector('#main')
const connection = document.querySelector('#connection')
const signOut = document.querySelector('#sign-out')
const views = { board: createBoard, issue: createIssue, login: createLogin }

const live = createLive({
  onState: (to) => state.trigger.connectionChanged({ connection: to }),
  onSubscribed: () => void load(),
  onArrival: drawSoon,
  onRefused: () => signedOut(''),
  isSignedIn: () =>
    ask('api/machines').then(
      () => true,
      (refusal) => refusal.status !== 401,
    ),
})

// --- Drawing: once a frame, only what the open view shows ------------------------------------------

let shown = null
let isDrawing = false

state.subscribe(drawSoon)

/** A hidden page draws no frames, but what has arrived must not pile up. */
function drawSoon() {
  if (isDrawing) return
  isDrawing = true
  if (document.hidden) setTimeout(draw, 200)
  else requestAnimationFrame(draw)
}

function draw() {
  take(live.take())
  isDrawing = false
  const { context } = state.getSnapshot()
  const { view } = context
  const identity = `${view.name} ${view.key ?? ''}`
  if (shown?.identity !== identity) {
    const made = views[view.name]({ state, signIn, act, tryAgain })
    shown = { identity, made }
    main.replaceChildren(made.root)
    document.title = view.key === undefined ? 'Signalbox' : `${view.key} · Signalbox`
  }
  shown.made.update(context)
  signOut.hidden = view.name === 'login'
  connection.textContent =
    view.name === 'login' ? '' : { connecting: 'Connecting …', live: 'Live', lost: 'Connection lost. Trying again …' }[context.connection]
  connection.dataset['state'] = view.name === 'login' ? '' : context.connection
}

setInterval(() => refreshTimes(main), 15_000)

// --- Where we are -----------------------------------------------------------------------------------

addEventListener('hashchange', () => {
  if (state.getSnapshot().context.view.name === 'login') return
  open(viewOf(location.hash))
  main.focus()
  scrollTo(0, 0)
})

const boardWish = { types: ['issue', 'feed'] }

function open(view) {
  state.trigger.routed({ view })
  if (view.name === 'issue') live.subscribe({ key: view.key, types: ['issue', 'event', 'feed'] })
  else live.subscribe(boardWish)
  // The connection may be refused: an unknown key has no live feed. The answer to this says why.
  if (view.name === 'issue') void load()
}

addEventListener('keydown', (event) => {
  const isTyping = event.target.closest('input, textarea, select, dialog') !== null
  if (event.key === 'Escape' && !isTyping && location.hash.startsWith('#/issues')) location.hash = '#/'
  if (event.key === '/' && !isTyping) {
    const field = main.querySelector('input[type=search]')
    if (field !== null) {
      event.preventDefault()
      field.focus()
    }
  }
})

// --- Reading ----------------------------------------------------------------------------------------

const pauseBeforeReading = 3_000
let readingAgain

async function load() {
  const { view } = state.getSnapshot().context
  try {
    await loadMachines()
    if (view.name === 'issue') await loadIssue(view.key)
    else await loadBoard()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.status === 401) return signedOut('')
    // The connection says it, and reads again when it is back.
    if (error.status === 0) return
    const { view: now, issue } = state.getSnapshot().context
    if (now.name !== view.name || now.key !== view.key) return
    if (view.name === 'board') {
      state.trigger.boardRefused({ refusal: error })
      clearTimeout(readingAgain)
      readingAgain = setTimeout(load, pauseBeforeReading)
    }
    if (view.name !== 'issue') return
    // An issue that is not there has no live feed of its own; the connection stays up with the board's.
    if (issue.refusal === null) live.subscribe(boardWish)
    state.trigger.issueRefused({ refusal: error })
  }
}

/** Definitions are read once for each version: the server may come back as a newer one. */
async function loadMachines() {
  const { machines } = await ask('api/machines')
  for (const { id, version } of machines.filter((one) => one.id === 'issue' || one.id === 'run')) {
    if (state.getSnapshot().context.machines[id]?.version === version) continue
    state.trigger.machineArrived({ machine: await ask(`api/machines/${encodeURIComponent(id)}`) })
  }
}

function loadBoard() {
  return Promise.all([loadDocuments(), loadFeed()])
}

const page = 500
const most = 2_000

/** All issues while they are few. Of very many, those that can still move; those at rest are shown as far as they were read. */
async function loadDocuments() {
  const rest = await loadPages({}, most)
  const partial = []
  for (const phase of rest === null ? [] : phasesOf(state.getSnapshot().context.machines.issue)) {
    if (phase.isTerminal) partial.push(phase.key)
    else await loadPages({ phase: phase.key }, Infinity)
  }
  state.trigger.boardLoaded({ partial })
}

/** Reads pages until there are none left or at least `enough` issues were read. */
async function loadPages(query, enough) {
  let next = null
  let count = 0
  do {
    const cursor = next === null ? {} : { cursor: next }
    const answer = await ask(`api/issues?${new URLSearchParams({ ...query, limit: page, ...cursor })}`)
    if (answer.issues.length > 0) state.trigger.documentsArrived({ documents: answer.issues })
    count += answer.issues.length
    next = answer.next
  } while (next !== null && count < enough)
  return next
}

async function loadFeed() {
  state.trigger.feedArrived(await ask('api/feed?limit=200'))
}

async function loadIssue(key) {
  const [found, explanation, { entries }] = await Promise.all([
    ask(pathOf(key)),
    ask(pathOf(key, '/explain')),
    ask(pathOf(key, '/timeline?limit=200')),
    loadFeed(),
  ])
  if (state.getSnapshot().context.view.key !== key) return
  state.trigger.documentsArrived({ documents: [found] })
  state.trigger.issueArrived({ id: found.id })
  state.trigger.explained({ explanation })
  state.trigger.timelineArrived({ entries })
}

/** What would move an issue changes with every step; asked for once steps pause. */
let explaining
function explainSoon(key) {
  clearTimeout(explaining)
  explaining = setTimeout(async () => {
    const explanation = await ask(pathOf(key, '/explain')).catch(() => null)
    if (explanation !== null && state.getSnapshot().context.view.key === key) state.trigger.explained({ explanation })
  }, 150)
}

function take(messages) {
  const { view } = state.getSnapshot().context
  // What is still on its way from the view before is not of this one.
  const bareKey = view.key?.split('/').at(-1)
  const documents = new Map()
  const entries = []
  const feed = []
  for (const message of messages) {
    if (message.type === 'issue') documents.set(message.document.id, message.document)
    else if (message.type === 'event' && message.key === bareKey) entries.push(message.entry)
    else if (message.type === 'feed') feed.push(message.entry)
  }
  if (documents.size > 0) state.trigger.documentsArrived({ documents: [...documents.values()] })
  if (entries.length > 0) state.trigger.timelineArrived({ entries })
  if (feed.length > 0) state.trigger.feedArrived({ entries: feed })
  if (view.name === 'issue' && documents.size + entries.length > 0) explainSoon(view.key)
}

// --- Doing ------------------------------------------------------------------------------------------

/** Answers the refusal, or null when it is done. */
async function act(key, action) {
  try {
    await ask(pathOf(key, '/actions'), action)
    explainSoon(key)
    return null
  } catch (refusal) {
    if (refusal.status === 401) signedOut('')
    return refusal
  }
}

/** Lets a faulted actor take its event again. Answers the refusal, or null when it is under way. */
async function tryAgain(address) {
  try {
    await ask(`api/actors/${address.split('/').map(encodeURIComponent).join('/')}/retry`, {})
    return null
  } catch (refusal) {
    if (refusal.status === 401) signedOut('')
    return refusal
  }
}

async function signIn(token) {
  try {
    await ask('session', { token })
  } catch (refusal) {
    return refusal
  }
  if (location.search !== '') history.replaceState(null, '', `./${location.hash}`)
  open(viewOf(location.hash))
  return null
}

function signedOut(message) {
  live.stop()
  state.trigger.routed({ view: { name: 'login', message } })
}

signOut.addEventListener('click', async () => {
  await ask('session/end', {}).catch(() => null)
  signedOut('You are signed out.')
})

// A link that was used up leads here, still in the address.
if (new URLSearchParams(location.search).has('link'))
  signedOut('This link was used already or is too old. “signalbox inspect” prints a new one.')
else open(viewOf(location.hash))

main.append(element('p.loading', { role: 'status' }, 'Reading the issues …'))
