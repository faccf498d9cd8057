//! The losses of one report interval, over all streams of a connection.

/// A running mean of each direction.
#[derive(Debug, Default)]
pub struct Quality {
    up: Mean,
    down: Mean,
}

#[derive(Debug, Default)]
struct Mean {
    sum: f32,
    count: u16,
}

impl Mean {
    fn add(&mut self, value: f32) {
        self.sum += value;
        self.count = self.count.saturating_add(1);
    }

    fn take(&mut self) -> Option<f32> {
        let mean = std::mem::take(self);
        (mean.count > 0).then(|| mean.sum / f32::from(mean.count))
    }
}

impl Quality {
    /// The share lost of a stream of the client's.
    pub fn up(&mut self, loss: f32) {
        self.up.add(loss);
    }

    /// The share lost of a stream to the client.
    pub fn down(&mut self, loss: f32) {
        self.down.add(loss);
    }

    /// The means (up, down) since they were taken last.
    pub fn take(&mut self) -> (Option<f32>, Option<f32>) {
        (self.up.take(), self.down.take())
    }
}
