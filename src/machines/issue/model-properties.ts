// What has to hold for an issue.

import type { Property } from '../model.ts'
import type { IssueContext } from './context.ts'

export const issueProperties: Property<IssueContext>[] = []
