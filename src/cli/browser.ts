// Opens an address in the person's browser, where there is one.

import { spawn } from 'node:child_process'

/** Without a browser the printed address is enough. */
export function openInBrowser(url: string): void {
  const program = process.platform === 'darwin' ? 'open' : 'xdg-open'
  const child = spawn(program, [url], { stdio: 'ignore', detached: true })
  child.on('error', () => {})
  child.unref()
}
