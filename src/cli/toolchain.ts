// Guesses how a project runs its tests, from the files at its top.

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

/** A command that runs the tests in a clean checkout of `root`, or null when nothing tells. */
export function discoverTests(root: string): string | null {
  const has = (name: string): boolean => existsSync(join(root, name))
  const read = (name: string): string => (has(name) ? readFileSync(join(root, name), 'utf8') : '')
  return (
    fromNpm(read, has) ??
    (/^test\s*:/m.test(read('Makefile')) || /^test\s*:/m.test(read('makefile')) ? 'make test' : null) ??
    (has('Cargo.toml') ? 'cargo test' : null) ??
    (has('go.mod') ? 'go test ./...' : null) ??
    (has('deno.json') || has('deno.jsonc') ? 'deno test' : null) ??
    (has('tox.ini') ? 'tox' : null) ??
    (has('pytest.ini') || /\[tool\.pytest/.test(read('pyproject.toml')) ? 'python3 -m pytest' : null) ??
    (has('gradlew') ? './gradlew test' : null) ??
    (has('pom.xml') ? (has('mvnw') ? './mvnw -q test' : 'mvn -q test') : null) ??
    (has('mix.exs') ? 'mix test' : null)
  )
}

function fromNpm(read: (name: string) => string, has: (name: string) => boolean): string | null {
  const manifest = manifestOf(read('package.json'))
  const script = manifest.scripts?.['test']
  if (typeof script !== 'string' || /no test specified/.test(script)) return null
  const hasDependencies = Object.keys({ ...manifest.dependencies, ...manifest.devDependencies }).length > 0
  // Checks run in a clean worktree: what the tests need is installed there first.
  const withInstall = (install: string, test: string): string => (hasDependencies ? `${install} && ${test}` : test)
  if (has('pnpm-lock.yaml')) return withInstall('pnpm install --frozen-lockfile', 'pnpm test')
  if (has('yarn.lock')) return withInstall('yarn install --frozen-lockfile', 'yarn test')
  if (has('bun.lock') || has('bun.lockb')) return withInstall('bun install --frozen-lockfile', 'bun run test')
  if (has('package-lock.json')) return withInstall('npm ci', 'npm test')
  return withInstall('npm install --no-save', 'npm test')
}

interface Manifest {
  scripts?: Record<string, unknown>
  dependencies?: object
  devDependencies?: object
}

function manifestOf(text: string): Manifest {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? (value as Manifest) : {}
  } catch {
    return {} // No package.json, or none that npm could read either.
  }
}
