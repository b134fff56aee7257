// The images of an issue that lie at Linear: fetched with our token into a folder, as far as there are not too many and there is time.

import { mkdir, readdir, rename, writeFile } from 'node:fs/promises'
import { join, parse } from 'node:path'
import { FatalError, SignalboxError, toErrorData } from '../../../errors.ts'
import type { ContextRequest } from '../../ports.ts'
import { toFailure, toUnreachable } from './failures.ts'
import { uuidOf } from './ids.ts'
import type { Workspaces } from './workspaces.ts'

/** Files that are looked at: those that cannot be had are among them. */
const mostFiles = 20
const largestImage = 10 * 1024 * 1024
/** Files that are fetched beside each other: where one hangs, the others do not wait for it. */
const atOnce = 4

/** By content type: what the file is called has to tell an agent what it is. */
const extensions: Record<string, string> = {
  'image/png': 'png',
  'image/jpeg': 'jpg',
  'image/gif': 'gif',
  'image/webp': 'webp',
  'image/svg+xml': 'svg',
}

export interface ImagesOptions {
  workspaces: Workspaces
  apiUrl: string
  now: () => number
  /** Milliseconds for the answer to one request. Default 15,000. */
  timeout?: number | undefined
  /** Milliseconds for all files together. Default 30,000. */
  patience?: number | undefined
  log: (message: string, issue?: string) => void
}

/** `urls`: of whatever an issue refers to. */
interface ImagesRequest extends ContextRequest {
  workspace: string
  urls: readonly string[]
}

export interface Images {
  /** Where the image of an address is. */
  paths: Map<string, string>
  /** How many files of Linear's are not there, nor known to be no image. */
  missing: number
}

export function createImages({ workspaces, apiUrl, now, timeout = 15_000, patience = 30_000, log }: ImagesOptions) {
  /** Only there is our token for: it goes nowhere else, and nothing else is fetched. */
  const isLinears = (text: string): boolean => {
    if (!URL.canParse(text)) return false
    const url = new URL(text)
    return (url.protocol === 'https:' && url.host === 'uploads.linear.app') || url.origin === new URL(apiUrl).origin
  }

  /** Null for what is no image. Throws where it cannot be had. */
  async function download(url: string, { workspace, folder }: ImagesRequest, ending: AbortSignal): Promise<string | null> {
    const what = 'the download of an image'
    const fetchWith = async (token: string): Promise<Response> => {
      const headers = { authorization: `Bearer ${token}` }
      return fetch(url, { headers, redirect: 'follow', signal: AbortSignal.any([AbortSignal.timeout(timeout), ending]) })
    }
    let response: Response
    let bytes: Buffer | null
    try {
      const token = await workspaces.token(workspace)
      response = await fetchWith(token)
      if (response.status === 401) {
        await response.body?.cancel()
        response = await fetchWith(await workspaces.replace(workspace, token))
      }
      bytes = response.ok ? await readAtMost(response, largestImage) : null
    } catch (error) {
      throw error instanceof SignalboxError ? error : toUnreachable(what, error)
    }
    if (!response.ok) throw toFailure(what, { status: response.status, headers: response.headers, body: null }, now())
    const extension = extensions[response.headers.get('content-type')?.split(';')[0]?.trim().toLowerCase() ?? '']
    if (extension === undefined) return null
    if (bytes === null) throw new FatalError('image-too-large', `It has more than ${largestImage} bytes.`)
    await mkdir(folder, { recursive: true, mode: 0o700 })
    const path = join(folder, `${nameOf(url)}.${extension}`)
    // Whole or not at all: one that is there is not fetched again.
    await writeFile(`${path}.new`, bytes, { mode: 0o600 })
    await rename(`${path}.new`, path)
    return path
  }

  /** Where an image cannot be had, the agent goes without it. Never rejects for that. */
  return async function fetchImages(request: ImagesRequest): Promise<Images> {
    const { issue, folder, fetches } = request
    const theirs = request.urls.filter(isLinears)
    const there = await filesIn(folder)
    const paths = new Map<string, string>()
    const wanted: string[] = []
    for (const url of theirs.slice(0, mostFiles)) {
      const path = there.get(nameOf(url))
      if (path !== undefined) paths.set(url, path)
      else if (fetches) wanted.push(url)
    }
    let others = 0
    let late = 0
    const ending = AbortSignal.timeout(patience)
    const fetchInTurn = async (): Promise<void> => {
      for (let url = wanted.shift(); url !== undefined; url = wanted.shift()) {
        if (ending.aborted) {
          late += 1
          continue
        }
        try {
          const path = await download(url, request, ending)
          if (path === null) others += 1
          else paths.set(url, path)
        } catch (error) {
          log(`An image could not be fetched: ${toErrorData(error).message}`, issue)
        }
      }
    }
    await Promise.all(Array.from({ length: atOnce }, fetchInTurn))
    if (late > 0) log(`The time for its images is over: ${late} were not fetched.`, issue)
    return { paths, missing: theirs.length - paths.size - others }
  }
}

/** Of its file, without the extension: the same in each turn. */
const nameOf = (url: string): string => uuidOf('image', new URL(url).href)

/** By their names without the extension. */
async function filesIn(folder: string): Promise<Map<string, string>> {
  const names = await readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return []
    throw error
  })
  const files = names.filter((name) => !name.endsWith('.new'))
  return new Map(files.map((name) => [parse(name).name, join(folder, name)]))
}

/** The body, or null where it is larger. */
async function readAtMost(response: Response, most: number): Promise<Buffer | null> {
  if (Number(response.headers.get('content-length') ?? 0) > most) {
    await response.body?.cancel()
    return null
  }
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of response.body ?? []) {
    size += chunk.length
    if (size > most) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
