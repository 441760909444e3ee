// Responses that many calls share are serialized once.
import { oncePerObject } from "./once-per-object.js";

interface Responding<Response> {
  readonly responseSerialize: (response: Response) => Buffer;
}

/** The method, with the bytes of a response kept for as long as the response itself: it must not change. */
export function serializedOnce<Response extends object, Method extends Responding<Response>>(
  method: Method & Responding<Response>,
): Method {
  return { ...method, responseSerialize: oncePerObject(method.responseSerialize) };
}
