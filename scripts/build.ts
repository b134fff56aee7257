// Builds dist/ from src/ for the package: the program, and declarations of what the library exports. `npm run typecheck` checks types, not this.

import { spawnSync } from 'node:child_process'
import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const typescript = dirname(createRequire(import.meta.url).resolve('typescript/package.json'))

rmSync(join(here, '..', 'dist'), { recursive: true, force: true })
for (const project of ['tsconfig.program.json', 'tsconfig.types.json']) {
  const { status } = spawnSync(process.execPath, [join(typescript, 'bin', 'tsc'), '--project', join(here, project)], { stdio: 'inherit' })
  if (status !== 0) process.exit(status ?? 1)
}
