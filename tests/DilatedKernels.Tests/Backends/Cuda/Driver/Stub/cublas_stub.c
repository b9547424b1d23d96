/* The few calls of cuBLAS that the library makes, computed with plain loops on the heap memory of cuda_stub.c. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#define API __attribute__((visibility("default")))

typedef struct { void* stream; int has_workspace; } handle;

API int cublasCreate_v2(handle** out)
{
#ifdef STUB_REFUSES
    (void)out;
    return 1;
#else
    *out = calloc(1, sizeof **out);
    return 0;
#endif
}

API int cublasDestroy_v2(handle* h) { free(h); return 0; }
API int cublasGetVersion_v2(handle* h, int* version) { (void)h; *version = 120400; return 0; }
API int cublasSetStream_v2(handle* h, void* stream) { h->stream = stream; h->has_workspace = 0; return 0; }
API int cublasSetWorkspace_v2(handle* h, void* memory, size_t bytes) { h->has_workspace = memory != 0 && bytes > 0; return 0; }

API const char* cublasGetStatusString(int status)
{
    return status == 1 ? "the library was not initialized" : status == 7 ? "an unsupported value or parameter was passed" : "success";
}

/* Column-major, float32 only; without a workspace it refuses, as a recorded product must have one. */
API int cublasGemmEx(handle* h, int ta, int tb, int m, int n, int k, const float* alpha, const float* a, int a_type, int lda, const float* b,
    int b_type, int ldb, const float* beta, float* c, int c_type, int ldc, int compute, int algorithm)
{
    if (!h->has_workspace || a_type || b_type || c_type || (compute != 68 && compute != 77) || algorithm != -1) return 7;
    if (lda < (ta ? k : m) || ldb < (tb ? n : k) || ldc < m) return 7;
    for (int j = 0; j < n; j++)
        for (int i = 0; i < m; i++) {
            float sum = 0;
            for (int l = 0; l < k; l++) sum += (ta ? a[l + (size_t)i * lda] : a[i + (size_t)l * lda]) * (tb ? b[j + (size_t)l * ldb] : b[l + (size_t)j * ldb]);
            c[i + (size_t)j * ldc] = *alpha * sum + (*beta == 0 ? 0 : *beta * c[i + (size_t)j * ldc]);
        }
    return 0;
}
