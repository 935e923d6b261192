// Half precision, by its definition.

struct __half { unsigned short bits; };

static inline __half __float2half_rn(float x) {
    const unsigned short sign = signbit(x) ? 0x8000 : 0;
    const float a = fabsf(x);
    int exponent;
    unsigned int bits;
    if (a != a) bits = 0x7e00;
    else if (a >= 65520.0f) bits = 0x7c00;
    else if (a < ldexpf(1, -14)) bits = (unsigned int)nearbyintf(ldexpf(a, 24));
    else {
        const float fraction = frexpf(a, &exponent);
        bits = ((unsigned int)(exponent + 14) << 10) + (unsigned int)nearbyintf(ldexpf(fraction, 11)) - 1024;
    }
    return {(unsigned short)(sign | bits)};
}

static inline float __half2float(__half x) {
    const int exponent = x.bits >> 10 & 31, fraction = x.bits & 1023;
    const float a = exponent == 31 ? (fraction ? nanf("") : HUGE_VALF)
                    : exponent     ? ldexpf((float)(1024 + fraction), exponent - 25)
                                   : ldexpf((float)fraction, -24);
    return x.bits & 0x8000 ? -a : a;
}
