// ldmatrix (sm_75 and up): a warp loads four 8 x 8 tiles of 16-bit elements from shared memory into the layout of mma's operands.
//
//   ldmatrix_x4(r, row)         lane i passes the address of row i % 8 of tile i / 8, 16-byte aligned, 8 elements; afterwards
//                               r[t] of a lane = elements (lane / 4, 2 * (lane % 4)) and the next of tile t, the first in the low half
//   ldmatrix_x4_trans(r, row)   the same of the transposed tiles: elements (2 * (lane % 4), lane / 4) and the next row's
#pragma once

#include "../dk/cuda.cuh"

namespace dk {

#if defined(__CUDACC__)

__device__ __forceinline__ void ldmatrix_x4(unsigned (&r)[4], const void* row)
{
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

__device__ __forceinline__ void ldmatrix_x4_trans(unsigned (&r)[4], const void* row)
{
    unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0, %1, %2, %3}, [%4];\n"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
}

#else

namespace host {

struct LdmatrixLane {
    unsigned* r;
    unsigned short row[8];
};

template <bool Transposed>
DK_HOST_UNWATCHED void complete_ldmatrix(void* const* lanes)
{
    for (unsigned i = 0; i < 32; i++) {
        for (unsigned tile = 0; tile < 4; tile++) {
            unsigned halves[2];
            for (unsigned half = 0; half < 2; half++) {
                unsigned pair = 2 * (i % 4) + half, single = i / 4;
                unsigned row = Transposed ? pair : single, column = Transposed ? single : pair;
                halves[half] = static_cast<const LdmatrixLane*>(lanes[8 * tile + row])->row[column];
            }

            static_cast<LdmatrixLane*>(lanes[i])->r[tile] = halves[0] | halves[1] << 16;
        }
    }
}

inline constexpr WarpOperation ldmatrix_operation{"ldmatrix.x4", complete_ldmatrix<false>, false};
inline constexpr WarpOperation ldmatrix_trans_operation{"ldmatrix.x4.trans", complete_ldmatrix<true>, false};

inline void load_matrix(const WarpOperation& operation, unsigned (&r)[4], const void* row, std::source_location where)
{
    // As one vector, so that alignment and the state of the 16 bytes are checked.
    uint4 v = *static_cast<const uint4*>(row);
    LdmatrixLane lane{r, {}};
    __builtin_memcpy(lane.row, &v, sizeof v);
    meet_warp(operation, 0xFFFFFFFFu, &lane, where);
}

}  // namespace host

inline void ldmatrix_x4(unsigned (&r)[4], const void* row, std::source_location where = std::source_location::current())
{
    host::load_matrix(host::ldmatrix_operation, r, row, where);
}

inline void ldmatrix_x4_trans(unsigned (&r)[4], const void* row, std::source_location where = std::source_location::current())
{
    host::load_matrix(host::ldmatrix_trans_operation, r, row, where);
}

#endif

}  // namespace dk
