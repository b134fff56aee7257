// Asks the server: one function, one kind of error.

/** What the server refused. `details` holds what it listed beside the message. */
export class Refusal extends Error {
  constructor(status, { code, message, ...details }) {
    super(message)
    this.status = status
    this.code = code
    this.details = details
  }
}

/** The parsed answer. Throws `Refusal`; status 0 when nobody answered. */
export async function ask(path, body) {
  const request =
    body === undefined
      ? {}
      : { method: 'POST', body: JSON.stringify(body), headers: { 'content-type': 'application/json', 'idempotency-key': randomKey() } }
  const response = await fetch(path, { credentials: 'same-origin', ...request }).catch(() => {
    throw new Refusal(0, { code: 'no-server', message: 'The server does not answer.' })
  })
  const answer = response.status === 204 ? {} : await response.json().catch(() => ({}))
  if (response.ok) return answer
  throw new Refusal(response.status, { code: 'unknown', message: `The server answered ${response.status}.`, ...answer.error })
}

/** Not `randomUUID`, which browsers keep from pages of plain http. */
function randomKey() {
  return [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, '0')).join('')
}

export const pathOf = (key, rest = '') => `api/issues/${encodeURIComponent(key)}${rest}`
