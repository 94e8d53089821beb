# Types, kernels and what they stand on. Files of an instruction set carry their own -m flags; the rest is built for the base CPU.
set(ENG_KERNEL_SOURCES
    src/base/pool.c src/base/placement.c src/base/topology.c src/base/cpu_list.c src/base/cpu_features.c src/base/huge_pages.c src/base/pages.c
    src/types/registry.c src/types/half.c src/types/expand.c src/types/lut4.c src/types/search.c src/types/kquant.c src/types/iq_grid.c
    src/kernels/matrix.c src/kernels/panel.c src/kernels/matmul.c src/kernels/select.c
    src/kernels/matmul_ref.c src/kernels/vector_ref.c)

# One file for each row of types.def.
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS src/types/types.def)
file(STRINGS src/types/types.def type_rows REGEX "^TYPE")
foreach(row ${type_rows})
  string(REGEX REPLACE "TYPE.(.*)." "src/types/type_\\1.c" source ${row})
  list(APPEND ENG_KERNEL_SOURCES ${source})
endforeach()

# eng_add_kernel_set(set "flags" part...): set_<set>.c and one <part>_<set>.c for each part
function(eng_add_kernel_set set flags)
  set(sources src/kernels/set_${set}.c)
  foreach(part ${ARGN})
    list(APPEND sources src/kernels/${part}_${set}.c)
  endforeach()
  set_source_files_properties(${sources} PROPERTIES COMPILE_OPTIONS "${flags}")
  set(ENG_KERNEL_SOURCES ${ENG_KERNEL_SOURCES} ${sources} PARENT_SCOPE)
endfunction()

set(all vector matmul_q8 matmul_f32)
if(CMAKE_SYSTEM_PROCESSOR MATCHES "^(x86_64|amd64|AMD64)$")
  eng_add_kernel_set(avx2 "-mavx2;-mfma;-mf16c" ${all})
  eng_add_kernel_set(avxvnni "-mavx2;-mfma;-mf16c;-mavxvnni" matmul_q8)
  eng_add_kernel_set(avx512vnni "-mavx2;-mfma;-mf16c;-mavx512f;-mavx512bw;-mavx512vl;-mavx512dq;-mavx512vnni" ${all})
elseif(CMAKE_SYSTEM_PROCESSOR MATCHES "^(aarch64|arm64)$")
  if(CMAKE_C_COMPILER_ID STREQUAL "GNU") # before registers are given out its scheduler moves loads so far ahead that sums are spilled
    set(no_spills "-fno-schedule-insns")
  endif()
  eng_add_kernel_set(neon "-march=armv8-a;${no_spills}" ${all})
  eng_add_kernel_set(neon_dotprod "-march=armv8.2-a+dotprod;${no_spills}" matmul_q8)
  eng_add_kernel_set(neon_i8mm "-march=armv8.2-a+i8mm;${no_spills}" matmul_q8)
endif()
