use std::arch::asm;

fn main() {
    #[cfg(any(target_arch = "x86_64", target_arch = "x86"))]
    unsafe {
        asm!("ud2")
    }
    #[cfg(any(target_arch = "aarch64", target_arch = "arm"))]
    unsafe {
        asm!("udf #0")
    }
    #[cfg(target_arch = "riscv64")]
    unsafe {
        asm!("unimp")
    }
}
