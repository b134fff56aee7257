// Which Host and Origin headers name this server: the bound address and the public URL, nothing else.
// A page of another site that points its own name at our address (DNS rebinding) fails here, before any route.

import { ConfigurationError } from '../errors.ts'

export interface Origins {
  /** `localAddress` is the address of this machine that the connection came to. */
  acceptsHost(header: string | undefined, localAddress: string | undefined): boolean
  acceptsOrigin(header: string, localAddress: string | undefined): boolean
}

/** `port` is asked for at each request, because port 0 is only known after listening. Throws ConfigurationError `public-url-invalid`. */
export function createOrigins(options: { host: string; port: () => number; publicUrl: string | null }): Origins {
  const publicUrl = options.publicUrl === null ? null : parsePublicUrl(options.publicUrl)

  /** An address in a Host header is safe: a rebound name stays a name. Wildcard binds answer to the address that was reached. */
  function boundNames(localAddress: string | undefined): Set<string> {
    const names = new Set<string>()
    if (!isWildcard(options.host)) names.add(toHostname(options.host))
    if (localAddress !== undefined) {
      const address = localAddress.replace(/^::ffff:(?=\d+\.)/i, '')
      names.add(toHostname(address))
      if (isLoopback(address)) names.add('localhost')
    }
    return names
  }

  function isBound(authority: Authority, localAddress: string | undefined): boolean {
    return (authority.port ?? 80) === options.port() && boundNames(localAddress).has(authority.hostname)
  }

  function isPublic(authority: Authority): boolean {
    if (publicUrl === null) return false
    const usual = publicUrl.protocol === 'https:' ? 443 : 80
    return authority.hostname === publicUrl.hostname && (authority.port ?? usual) === Number(publicUrl.port || usual)
  }

  return {
    acceptsHost(header, localAddress) {
      const authority = parseAuthority(header ?? '')
      return authority !== null && (isPublic(authority) || isBound(authority, localAddress))
    },
    acceptsOrigin(header, localAddress) {
      const match = /^(https?):\/\/(.+)$/i.exec(header)
      const authority = parseAuthority(match?.[2] ?? '')
      if (!match || authority === null) return false
      const scheme = `${match[1]!.toLowerCase()}:`
      if (publicUrl?.protocol === scheme && isPublic(authority)) return true
      return scheme === 'http:' && isBound(authority, localAddress)
    },
  }
}

interface Authority {
  hostname: string
  port: number | null
}

function parseAuthority(text: string): Authority | null {
  const match = /^(\[[0-9a-f:.]+\]|[^\s:/?#@\\[\]]+)(?::(\d{1,5}))?$/i.exec(text)
  if (!match) return null
  return { hostname: match[1]!.toLowerCase(), port: match[2] === undefined ? null : Number(match[2]) }
}

function parsePublicUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new ConfigurationError('public-url-invalid', `server.publicUrl is "${text}": give an http or https address, or null.`)
  }
  return url
}

function toHostname(address: string): string {
  return (address.includes(':') ? `[${address}]` : address).toLowerCase()
}

/** Whether a bind address means every address of the machine. */
export function isWildcard(host: string): boolean {
  return host === '' || host === '0.0.0.0' || host === '::'
}

function isLoopback(address: string): boolean {
  return address === '::1' || /^127(\.\d{1,3}){3}$/.test(address)
}
