/** Port of a WebSocket: the part that is used of it, in Node as in browsers. */
export interface WebSocketPort {
  send(data: string): void;
  close(code?: number): void;
}

export interface WebSocketEvents {
  onMessage(data: unknown): void;
  /** Comes once, also where no connection came about. */
  onClose(code: number, reason: string): void;
}

/** Opens a WebSocket with a subprotocol. */
export type OpenWebSocket = (url: string, subprotocol: string, events: WebSocketEvents) => WebSocketPort;
