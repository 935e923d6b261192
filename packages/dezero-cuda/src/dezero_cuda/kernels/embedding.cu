// Rows added at ids, for the gradient of an embedding.
//
// A block owns some rows of the result, and 128 columns. It looks through all ids in order, picks
// those of its rows, and adds in shared memory, in C. So there are no atomics: each run gives the
// same, half precision loses nothing while it adds, and rows without ids are written as zeros.

#define COLUMNS 128
#define OWN_ROWS (sizeof(C) == 8 ? 32 : 64)

extern "C" __global__ void add_rows(
    const long long* ids, const T* gy, T* y, long long n, long long rows, long long columns) {
    __shared__ C sums[OWN_ROWS][COLUMNS];
    __shared__ int places[COLUMNS];
    __shared__ unsigned int hits[COLUMNS / 32];
    const int thread = threadIdx.x;
    const long long first = blockIdx.x * (long long)OWN_ROWS;
    const long long column = blockIdx.y * (long long)COLUMNS + thread;
    for (int i = 0; i < OWN_ROWS; ++i) sums[i][thread] = 0;
    for (long long tile = 0; tile < n; tile += COLUMNS) {
        long long place = -1;
        if (tile + thread < n) {
            const long long id = ids[tile + thread];
            place = (id < 0 ? id + rows : id) - first;
        }
        const bool is_own = place >= 0 && place < OWN_ROWS;
        places[thread] = (int)place;
        const unsigned int found = __ballot_sync(0xffffffffu, is_own);
        if (thread % 32 == 0) hits[thread / 32] = found;
        __syncthreads();
        for (int warp = 0; warp < COLUMNS / 32; ++warp)
            for (unsigned int left = hits[warp]; left; left &= left - 1) {
                const int i = 32 * warp + __ffs(left) - 1;
                if (column < columns) sums[places[i]][thread] += wide(gy[(tile + i) * columns + column]);
            }
        __syncthreads();
    }
    if (column >= columns) return;
    for (int i = 0; i < OWN_ROWS && first + i < rows; ++i)
        y[(first + i) * columns + column] = narrow(sums[i][thread]);
}
