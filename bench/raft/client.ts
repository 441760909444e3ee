// A client process of the cluster: proposes over one stream to the leader.
import { ProposalClient } from "./proposal-stream.js";
import { measure } from "./window.js";
import { obey, say } from "./words.js";

let client: ProposalClient | undefined;

obey(async (order) => {
  switch (order.kind) {
    case "connect":
      client = new ProposalClient(order.address);
      say({ kind: "connected", leads: true });
      return;
    case "load": {
      const to = client;
      if (to === undefined) throw new Error("not connected");
      say({ kind: "measured", measured: await measure(order.load, (value) => to.commit(value)) });
      return;
    }
    case "peers":
      throw new Error("a client has no peers");
  }
});
