// A stand-in for Linear that runs in the process of a test on 127.0.0.1: `const twin = await createLinearTwin()`.

export { createVirtualClock, type Clock, type VirtualClock } from './clock.ts'
export type { Attempt, Delivery, WebhookControls } from './linear/deliveries.ts'
export type { Fault, TwinRequest } from './linear/faults.ts'
export type { FollowedPullRequest } from './linear/attachments.ts'
export type { Person } from './linear/people.ts'
export type * from './linear/records.ts'
export type { LoggedRequest } from './linear/server.ts'
export { createLinearTwin, type ApproveOptions, type LinearTwin, type LinearTwinOptions } from './linear/twin.ts'
export type { WorkspaceTwin } from './linear/workspace-twin.ts'
