// cp.async.bulk.tensor (sm_90): the copy engine (TMA) loads a box of a tensor into shared memory, at the order of one thread.
//
//   tma_load_3d(target, &map, &barrier, c0, c1, c2);                                   a box; coordinates fastest axis first
//   tma_load_im2col_4d(target, &map, &barrier, c, w, h, n, offset_w, offset_h);        a column of pixels under one tap of a convolution
//   tma_multicast_3d(..., blocks), tma_multicast_im2col_4d(..., blocks)                the same, for several blocks of a cluster at once
//
// The map is a kernel parameter, const __grid_constant__ dk::TensorMap, made on the host. What lies outside the tensor arrives as zeros, and its
// bytes count too. The target is a multiple of 128, or of eight rows where the map swizzles: with rows of 128 bytes, 16-byte granule g of
// row r lies at granule g ^ (r % 8).
//
// Multicast: each block of the cluster whose bit is set gets the bytes, read once, in the same place of its own shared memory as the target, and its own mbarrier in
// the place of the given one counts them. The place must be free in all of them.
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

__device__ __forceinline__ void tma_multicast_3d(void* target, const TensorMap* map, Mbarrier* barrier, int c0, int c1, int c2, unsigned short blocks)
{
    asm volatile("cp.async.bulk.tensor.3d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%3, %4, %5}], [%2], %6;\n" ::"r"(
                     shared_address(target)),
                 "l"(map), "r"(shared_address(barrier)), "r"(c0), "r"(c1), "r"(c2), "h"(blocks)
                 : "memory");
}

__device__ __forceinline__ void tma_multicast_im2col_4d(
    void* target, const TensorMap* map, Mbarrier* barrier, int c, int w, int h, int n, unsigned short offset_w, unsigned short offset_h, unsigned short blocks)
{
    asm volatile(
        "cp.async.bulk.tensor.4d.shared::cluster.global.im2col.mbarrier::complete_tx::bytes.multicast::cluster [%0], [%1, {%3, %4, %5, %6}], [%2], {%7, %8}, %9;\n" ::"r"(
            shared_address(target)),
        "l"(map), "r"(shared_address(barrier)), "r"(c), "r"(w), "r"(h), "r"(n), "h"(offset_w), "h"(offset_h), "h"(blocks)
        : "memory");
}

#else

inline void tma_prefetch_map(const TensorMap*) {}

inline void tma_load_3d(
    void* target, const TensorMap* map, Mbarrier* barrier, int c0, int c1, int c2, std::source_location where = std::source_location::current())
{
    int coordinates[] = {c0, c1, c2};
    host::begin_tensor_copy(target, map, barrier, coordinates, 3, nullptr, nullptr, where);
}

inline void tma_load_im2col_4d(void* target, const TensorMap* map, Mbarrier* barrier, int c, int w, int h, int n, unsigned short offset_w,
    unsigned short offset_h, std::source_location where = std::source_location::current())
{
    int coordinates[] = {c, w, h, n};
    unsigned short offsets[] = {offset_w, offset_h};
    host::begin_tensor_copy(target, map, barrier, coordinates, 4, offsets, nullptr, where);
}

inline void tma_multicast_3d(void* target, const TensorMap* map, Mbarrier* barrier, int c0, int c1, int c2, unsigned short blocks,
    std::source_location where = std::source_location::current())
{
    int coordinates[] = {c0, c1, c2};
    unsigned ranks = blocks;
    host::begin_tensor_copy(target, map, barrier, coordinates, 3, nullptr, &ranks, where);
}

inline void tma_multicast_im2col_4d(void* target, const TensorMap* map, Mbarrier* barrier, int c, int w, int h, int n, unsigned short offset_w,
    unsigned short offset_h, unsigned short blocks, std::source_location where = std::source_location::current())
{
    int coordinates[] = {c, w, h, n};
    unsigned short offsets[] = {offset_w, offset_h};
    unsigned ranks = blocks;
    host::begin_tensor_copy(target, map, barrier, coordinates, 4, offsets, &ranks, where);
}

#endif

}  // namespace dk
