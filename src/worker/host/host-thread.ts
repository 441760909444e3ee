// A host in a thread of its node: what the thread runs.
import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { HostSetting, ToHost } from "../protocol/messages.js";
import { runHost } from "./run-host.js";

const port = parentPort;
if (port === null) throw new Error("this file is run by a thread");

type Batch = readonly ToHost[];
let listener: (batch: Batch) => void = () => undefined;
port.on("message", (batch: Batch) => listener(batch));

await runHost(workerData as HostSetting, {
  send: (batch) => port.postMessage(batch),
  onBatch: (taker) => {
    listener = taker;
  },
  readNow: () => {
    for (;;) {
      const received = receiveMessageOnPort(port) as { readonly message: Batch } | undefined;
      if (received === undefined) return;
      listener(received.message);
    }
  },
});
