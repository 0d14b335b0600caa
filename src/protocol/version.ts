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

/** Longest token that is looked at, in characters: 4 KB, which a JWT may need. */
export const MAX_TOKEN_LENGTH = 4_096;

export type CodecName = 'msgpack' | 'json';
