// What both sides commit.
export const VALUE_BYTES = 200;
