/** As in package.json, which a test compares. */
export const PACKAGE_VERSION = '0.1.0';
