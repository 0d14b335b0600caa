/** Widths of the bars that can be read; one-minute bars are stored, the others are made of them. */
export const BAR_INTERVALS = ['1m', '5m', '15m', '1h', '1d'] as const;
export type BarInterval = (typeof BAR_INTERVALS)[number];
