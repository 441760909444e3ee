// What the gRPC edge asks of a log; a pino logger is one.

export interface EdgeLog {
  error(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  debug(fields: object, message: string): void;
}
