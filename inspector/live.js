// The live connection: subscribes to what the view shows, resumes where it was cut, and comes back by itself.

const firstDelay = 500
const longestDelay = 10_000

/**
 * `onSubscribed` is called when what is shown must be read anew; `onArrival` when there is something to `take()`;
 * `onState` with 'connecting', 'live' or 'lost'; `onRefused` when the session is over.
 */
export function createLive({ onSubscribed, onArrival, onState, onRefused, isSignedIn }) {
  let socket = null
  let wish = null
  let stream
  let since
  let delay = firstDelay
  let timer
  let isStopped = true
  let connections = 0
  let arrived = []

  function connect() {
    connections++
    onState('connecting')
    const address = new URL('live', document.baseURI)
    address.protocol = address.protocol.replace('http', 'ws')
    for (const [name, value] of Object.entries({ ...wish, since, stream }))
      if (value !== undefined && value !== null) address.searchParams.set(name, value)
    const resumes = since !== undefined
    socket = new WebSocket(address)
    socket.onmessage = ({ data }) => receive(JSON.parse(data), resumes)
    socket.onclose = ({ code }) => lost(code)
  }

  function receive(message, resumes) {
    if (message.type === 'subscribed') {
      delay = firstDelay
      onState('live')
      if (message.stream !== stream || !resumes) onSubscribed()
      stream = message.stream
      since = message.seq
    } else if (message.type === 'reset') {
      onSubscribed()
    } else if (message.type !== 'error') {
      since = message.seq
      arrived.push(message)
      onArrival()
    }
  }

  /** A refused handshake looks like a lost connection: only a request says which it was. */
  async function lost(code) {
    socket = null
    if (isStopped) return
    onState('lost')
    const mine = connections
    const isRefused = code === 4401 || !(await isSignedIn())
    if (isStopped || mine !== connections) return
    if (isRefused) return onRefused()
    timer = setTimeout(connect, delay * (0.5 + Math.random() / 2))
    delay = Math.min(delay * 2, longestDelay)
  }

  return {
    /** What arrived since it was last asked. */
    take() {
      const messages = arrived
      arrived = []
      return messages
    },
    /** `{ key, types }`: what the view shows now. */
    subscribe(next) {
      wish = { ...next, types: next.types.join(',') }
      since = undefined
      if (isStopped) {
        isStopped = false
        connect()
      } else if (socket?.readyState === WebSocket.OPEN) {
        socket.send(JSON.stringify({ type: 'subscribe', ...next }))
        stream = undefined
      } else if (socket !== null) {
        // Still connecting with the old wish: begin again with the new one.
        const old = socket
        old.onmessage = old.onclose = null
        old.close()
        connect()
      }
    },
    stop() {
      isStopped = true
      clearTimeout(timer)
      since = stream = undefined
      socket?.close()
    },
  }
}
