// cp.async.bulk.tensor (sm_90): the copy engine (TMA) loads a box of a tensor into shared memory, at the order of one thread.
//
//   tma_load_3d(target, &map, &barrier, c0, c1, c2);                                   a box; coordinates fastest axis first
//   tma_load_im2col_4d(target, &map, &barrier, c, w, h, n, offset_w, offset_h);        a column of pixels under one tap of a convolution
//
// The map is a kernel parameter, const __grid_constant__ dk::TensorMap, made on the host. What lies outside the tensor arrives as zeros, and its
// bytes count too. The target is a multiple of 128, or of eight rows where the map swizzles: with rows of 128 bytes, 16-byte granule g of
// row r lies at granule g ^ (r % 8).
//
// im2col: the map has a box of base pixels, [lower, extent + upper) along w and h. The column starts at (w, h) in it, runs on through the box in
// steps of the map's strides, w fastest, then through the images, and reads at base + offset: 0 to 255, the tap times the dilation.
#pragma once

#include "mbarrier.cuh"

namespace dk {

// Opaque: cuTensorMapEncode* makes it.
struct alignas(64) TensorMap {
    unsigned long long words[16];
};

#if defined(__CUDACC__)

__device__ __forceinline__ void tma_prefetch_map(const TensorMap* map) { asm volatile("prefetch.tensormap [%0];\n" ::"l"(map) : "memory"); }

__device__ __forceinline__ void tma_load_3d(void* target, const TensorMap* map, Mbarrier* barrier, int c0, int c1, int c2)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5}], [%2];\n" ::"r"(
                     shared_address(target)),
                 "l"(map), "r"(shared_address(barrier)), "r"(c0), "r"(c1), "r"(c2)
                 : "memory");
}

__device__ __forceinline__ void tma_load_im2col_4d(
    void* target, const TensorMap* map, Mbarrier* barrier, int c, int w, int h, int n, unsigned short offset_w, unsigned short offset_h)
{
    asm volatile("cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], [%2], {%7, %8};\n" ::"r"(
                     shared_address(target)),
                 "l"(map), "r"(shared_address(barrier)), "r"(c), "r"(w), "r"(h), "r"(n), "h"(offset_w), "h"(offset_h)
                 : "memory");
}

#else

inline void tma_prefetch_map(const TensorMap*) {}

inline void tma_load_3d(
    void* target, const TensorMap* map, Mbarrier* barrier, int c0, int c1, int c2, std::source_location where = std::source_location::current())
{
    int coordinates[] = {c0, c1, c2};
    host::begin_tensor_copy(target, map, barrier, coordinates, 3, nullptr, where);
}

inline void tma_load_im2col_4d(void* target, const TensorMap* map, Mbarrier* barrier, int c, int w, int h, int n, unsigned short offset_w,
    unsigned short offset_h, std::source_location where = std::source_location::current())
{
    int coordinates[] = {c, w, h, n};
    unsigned short offsets[] = {offset_w, offset_h};
    host::begin_tensor_copy(target, map, barrier, coordinates, 4, offsets, where);
}

#endif

}  // namespace dk
