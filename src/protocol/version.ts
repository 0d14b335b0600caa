/**
 * Version of the wire protocol, sent as `v` in the welcome message.
 *
 * History
 * - 1: first version.
 */
export const PROTOCOL_VERSION = 1;

/** WebSocket subprotocol names; the codec is their last part. */
export const SUBPROTOCOL_MSGPACK = 'tickgate.v1.msgpack';
export const SUBPROTOCOL_JSON = 'tickgate.v1.json';

export type CodecName = 'msgpack' | 'json';
