//! Telling the kernel of one partition, while the others stay in use (linux/blkpg.h).

use super::OpenDisk;
use anyhow::Context;
use nix::{libc, request_code_none};
use std::os::fd::AsRawFd;

nix::ioctl_write_ptr_bad!(blk_page, request_code_none!(0x12, 105), BlkpgArgument);

/// `BLKPG_ADD_PARTITION` and `BLKPG_DEL_PARTITION` of linux/blkpg.h.
const BLKPG_ADD: libc::c_int = 1;
const BLKPG_DELETE: libc::c_int = 2;

/// `struct blkpg_ioctl_arg`.
#[repr(C)]
pub struct BlkpgArgument {
    operation: libc::c_int,
    flags: libc::c_int,
    length: libc::c_int,
    data: *mut BlkpgPartition,
}

/// `struct blkpg_partition`: start and length in bytes.
#[repr(C)]
struct BlkpgPartition {
    start: libc::c_longlong,
    length: libc::c_longlong,
    number: libc::c_int,
    device_name: [u8; 64],
    volume_name: [u8; 64],
}

impl OpenDisk {
    /// Tells the kernel of one more partition.
    ///
    /// # Errors
    /// `EBUSY` where it overlaps one that the kernel knows or the number is taken.
    pub fn add_partition(&self, number: u32, start: u64, length: u64) -> anyhow::Result<()> {
        self.blkpg(BLKPG_ADD, number, start, length)
            .with_context(|| {
                format!(
                    "adding partition {number} of {} to the kernel",
                    self.path.display()
                )
            })
    }

    /// Lets the kernel forget a partition.
    ///
    /// # Errors
    /// `EBUSY` where it is in use.
    pub fn delete_partition(&self, number: u32) -> anyhow::Result<()> {
        self.blkpg(BLKPG_DELETE, number, 0, 0).with_context(|| {
            format!(
                "taking partition {number} of {} from the kernel",
                self.path.display()
            )
        })
    }

    fn blkpg(
        &self,
        operation: libc::c_int,
        number: u32,
        start: u64,
        length: u64,
    ) -> anyhow::Result<()> {
        let mut partition = BlkpgPartition {
            start: start.try_into()?,
            length: length.try_into()?,
            number: number.try_into()?,
            device_name: [0; 64],
            volume_name: [0; 64],
        };
        let argument = BlkpgArgument {
            operation,
            flags: 0,
            length: size_of::<BlkpgPartition>().try_into()?,
            data: &mut partition,
        };
        // SAFETY: the descriptor is open; the argument and the partition that it points to have the layout of linux/blkpg.h
        // and live until the call returns.
        unsafe { blk_page(self.file.as_raw_fd(), &argument)? };
        Ok(())
    }
}
