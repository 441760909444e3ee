// Whether a member can be reached, as one node can tell. Pure: what is known comes in.

export interface MemberSigns {
  readonly isSelf: boolean;
  /**
   * Of a leader: the member has answered since the last look whether a majority does. Each look begins anew, so
   * that no answer yet says nothing. Undefined where this node does not lead.
   */
  readonly recentActive: boolean | undefined;
  /** The connection to it stands; to a frozen process it does, too. */
  readonly isConnected: boolean;
  /** As the leader's worker, where it is attached: undefined where nothing is known of it. */
  readonly worker: { readonly connected: boolean; readonly silent: boolean } | undefined;
}

/** A member is called unreachable only where a sign says so, not for want of a sign. */
export function isReachable({ isSelf, recentActive, isConnected, worker }: MemberSigns): boolean {
  if (isSelf || recentActive === true) return true;
  const isLost = worker !== undefined && (!worker.connected || worker.silent);
  return isConnected && !isLost;
}
