// The upper half of single precision, rounded to the nearest, halves to even.

struct __nv_bfloat16 { unsigned short bits; };

static inline __nv_bfloat16 __float2bfloat16_rn(float x) {
    unsigned int bits;
    memcpy(&bits, &x, 4);
    if (x != x) return {0x7fc0};
    return {(unsigned short)((bits + 0x7fff + (bits >> 16 & 1)) >> 16)};
}

static inline float __bfloat162float(__nv_bfloat16 x) {
    const unsigned int bits = (unsigned int)x.bits << 16;
    float value;
    memcpy(&value, &bits, 4);
    return value;
}
