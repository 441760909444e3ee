// One follower as the leader sees it.
export type ProgressState = "probe" | "replicate" | "snapshot";
