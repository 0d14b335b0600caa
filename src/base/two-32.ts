/** 2^32: an integer beyond 32 bits is written and read as a high and a low half. */
export const TWO_32 = 4_294_967_296;
