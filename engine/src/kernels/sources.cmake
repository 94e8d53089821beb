# Types, kernels and what they stand on. Files of an instruction set carry their own -m flags; the rest is built for the base CPU.
set(ENG_KERNEL_SOURCES
    src/base/pool.c src/base/cpu_features.c
    src/types/registry.c src/types/half.c
    src/types/type_f32.c src/types/type_f16.c src/types/type_q4_0.c src/types/type_q4_1.c src/types/type_q8_0.c
    src/kernels/matrix.c src/kernels/panel.c src/kernels/matmul.c src/kernels/select.c
    src/kernels/matmul_ref.c src/kernels/vector_ref.c)
